"""Regular expressions mean what they mean in Python, and end."""

import contextlib
import re
import time

import pytest

from stormlet.foundation.regexes import Regex, RegexTimeoutError, RegexTooLargeError, compile_regex, look_over

EXPLOSIVE = [
    r"(a+)+$",
    r"^(a+)+$",
    r"(a*)*$",
    r"(a|aa)+$",
    r"(a|a?)+$",
    r"(.*a){12}$",
    r"^(([a-z])+.)+[A-Z]([a-z])+$",
    r"(x+x+)+y",
    r"(\w+\s*)+:$",
    r"^(\w+\.?)+@$",
    r"([a-zA-Z]+)*$",
    r"^(?:a|a)*$",
    r"^(a?){25}a{25}$",
    r"(.*)*!$",
    r"((a+)?)+!$",
    r"(?:(?:a+)+)+!$",
    r"(a+)*b",
    r"^(a+)*(b+)*$!",
    r".*.*.*.*.*!$",
    r"a*a*a*a*a*a*b",
    r"(?=(a+)+$)b",
]


@pytest.mark.parametrize("pattern", EXPLOSIVE)
@pytest.mark.parametrize("text", ["a" * 30 + "!x", "a" * 100_000 + "!x", "x" * 100_000, "aB " * 30_000])
def test_no_pattern_takes_longer_than_it_may(pattern: str, text: str) -> None:
    """Patterns that backtrack for ever on 100 KB give an answer or a timeout in well under a second."""
    began = time.monotonic()
    with contextlib.suppress(RegexTimeoutError):
        compile_regex(pattern).is_in(text, seconds=0.05)
    assert time.monotonic() - began < 1


def test_a_timeout_says_what_took_so_long() -> None:
    """The pattern and the limit."""
    with pytest.raises(RegexTimeoutError, match=r"'\^\(a\|aa\)\+\$' took longer than 10 ms"):
        compile_regex("^(a|aa)+$").is_in("a" * 5000 + "b", seconds=0.01)


@pytest.mark.parametrize(
    ("pattern", "nested"),
    [
        (r"(a+)+", True),
        (r"(a*)*b", True),
        (r"((a|b)+c)*", True),
        (r"(?:x\d+)+", True),
        (r"(a+){1000,}", True),
        (r"a+b*c", False),
        (r"(ab)+", False),
        (r"[(a+)+]+", False),
        (r"\(a+\)+", False),
        (r"(a+)?", False),
        (r"(a+){2}", False),
        (r"(?P<n>\d+)-(?P=n)", False),
        (r"(?#a+)b", False),
    ],
)
def test_nested_repeats_are_seen(pattern: str, *, nested: bool) -> None:
    """A repeat in a repeated group; not what only looks like one."""
    assert look_over(pattern).nested is nested
    assert Regex(pattern).nested is nested


@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        ("a{e}", "a{e}"),
        ("a{e}", "b"),
        ("(foo){i<=1}", "foo"),
        ("a{,2}b", "aab"),
        ("a{,}b", "aaab"),
        ("{}", "{}"),
        ("x{", "x{"),
        ("[[:alpha:]]", ":]"),
        ("[[:alpha:]]", "b"),
        ("[[a]b]", "[b]"),
        ("[]a]", "]"),
        ("[^]a]", "b"),
        ("[a&&b]", "&"),
        (r"\N{DIGIT ONE}+", "11"),
        (r"(?P<n>a)(?P=n)", "aa"),
        (r"(?i)a", "A"),
        (r"(?s:.)", "\n"),
        (r"(?x) a # comment ( [", "a"),
        (r"(?<=a)b(?!c)", "ab"),
        (r"(?:a|b){2}", "ab"),
        (r"\Aa\Z", "a"),
        (r"a++b", "aab"),
        (r"(?>a+)b", "aab"),
    ],
)
def test_both_engines_read_a_pattern_as_python_does(pattern: str, text: str) -> None:
    """A short text goes to `re`, a long one to `regex`: the answers are the same, fuzzy or POSIX syntax or not."""
    found = re.search(pattern, text) is not None if not pattern.startswith(("[[", "[a&&")) else None
    regex = Regex(pattern)
    filler = "\x00" * 3_000_000 + "\n"
    if found is not None:
        assert regex.is_in(text) is found
    anchored = pattern.startswith("\\A")
    assert anchored or regex.is_in(filler + text, seconds=5) is regex.is_in(text)


@pytest.mark.parametrize("pattern", ["(", "*", "[", "a{2,1}", "(?P<1>a)", r"\p{L}", "(?<n>a)", "a**", "(?L)a"])
def test_bad_patterns_are_refused_in_pythons_words(pattern: str) -> None:
    """What `re` refuses is refused, also where `regex` would know what to do."""
    with pytest.raises(re.error) as ours:
        compile_regex(pattern)
    with pytest.raises(re.error) as pythons:
        re.compile(pattern)
    assert str(ours.value) == str(pythons.value)


@pytest.mark.parametrize("value", [None, 5, ["a"], {}])
def test_only_texts_can_be_asked(value: object) -> None:
    """Python's TypeError, whatever the engine."""
    with pytest.raises(TypeError, match="expected string or bytes-like object"):
        compile_regex("(a+)+").is_in(value)


def test_replacing_is_bounded() -> None:
    """The result may only be so large; groups can be named by number and by name."""
    regex = compile_regex(r"(?P<n>\w)(\d)")
    assert regex.replace(r"\2\g<n>-", "a1b2") == "1a-2b-"
    with pytest.raises(RegexTooLargeError):
        compile_regex("a").replace("b" * 100, "a" * 100, largest=1000)
    with pytest.raises(RegexTimeoutError):
        compile_regex("(a+)+$").replace("x", "a" * 5000 + "!", seconds=0.01)


def test_finding_all_gives_texts_or_tuples() -> None:
    """As `re.findall`, with either engine."""
    assert compile_regex(r"\d+").all_in("a1b22") == ["1", "22"]
    assert compile_regex(r"(?:(\w)(\d))+").all_in("a1 b2") == [("a", "1"), ("b", "2")]
