"""Near names are found."""

from stormlet.content.suggest import did_you_mean, did_you_mean_or_list


def test_the_nearest_name_is_suggested() -> None:
    """A typo, another case or a dash for an underscore finds the name; nonsense finds nothing."""
    names = ["equals", "nequals", "timediff_lt", "startswith"]
    assert did_you_mean("equal", names) == 'did you mean "equals"?'
    assert did_you_mean("Timediff-LT", names) == 'did you mean "timediff_lt"?'
    assert did_you_mean("zzz", names) == ""
    assert did_you_mean("x", []) == ""


def test_a_few_names_are_listed_where_none_is_near() -> None:
    """A short list is a cure too; a long one is noise."""
    assert did_you_mean_or_list("zzz", ["b", "a"]) == "known: a, b"
    assert did_you_mean_or_list("zzz", map(str, range(100, 150))) == ""
