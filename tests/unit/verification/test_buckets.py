"""Token buckets."""

from stormlet.flow.verification.buckets import Bucket, Buckets
from stormlet.model.source import Rate

from .conftest import OwnedClock


def test_a_bucket_is_full_at_first_and_fills_with_time() -> None:
    """As many at once as `burst`, then as they come; never more than `burst` again."""
    clock = OwnedClock()
    bucket = Bucket(Rate(per_second=2, burst=3), clock)
    assert [bucket.take() for _ in range(4)] == [True, True, True, False]
    assert 0.3 < bucket.wait() <= 0.5
    clock.pass_by(0.5)
    assert [bucket.take(), bucket.take()] == [True, False]
    clock.pass_by(3600)
    assert [bucket.take() for _ in range(4)] == [True, True, True, False]


def test_looking_takes_nothing() -> None:
    """Asking how long to wait does not use a token up."""
    bucket = Bucket(Rate(per_second=0.001, burst=1), OwnedClock())
    assert [bucket.wait() for _ in range(5)] == [0.0] * 5
    assert bucket.take()


def test_names_have_their_own_and_a_new_rate_starts_anew() -> None:
    """One source's flood is not another's."""
    buckets = Buckets(OwnedClock())
    slow = Rate(per_second=0.001, burst=1)
    assert buckets.of("a", slow).take()
    assert not buckets.of("a", slow).take()
    assert buckets.of("b", slow).take()
    assert buckets.of("a", Rate(per_second=0.001, burst=2)).take()
