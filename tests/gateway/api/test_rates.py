"""The token bucket, at moments of the test's choosing."""

from gateway.api.rates import Rate, Rates
from gateway.buckets import MOST_BUCKETS


def test_a_quota_is_used_up_and_comes_back_evenly() -> None:
    """Sixty a minute: sixty at once, then one a second."""
    buckets = Rates(60)
    assert [buckets.take("ann", 0.0).left for _ in range(60)] == list(range(59, -1, -1))
    assert buckets.take("ann", 0.5) == Rate(60, 0, 60, refused=True)
    assert buckets.take("ann", 1.0).refused is False
    assert buckets.take("ann", 1.0).refused is True
    assert buckets.take("ann", 1000.0).left == 59


def test_one_user_takes_nothing_from_another() -> None:
    """Each has a bucket of their own."""
    buckets = Rates(1)
    assert [buckets.take(name, 0.0).refused for name in ("ann", "ann", "bob")] == [False, True, False]


def test_headers_are_those_of_the_draft() -> None:
    """And Retry-After where a call was refused."""
    assert Rate(600, 7, 60, refused=False).headers() == {
        "RateLimit-Policy": '"default";q=600;w=60',
        "RateLimit": '"default";r=7;t=60',
    }
    assert Rate(10, 0, 60, refused=True).headers()["Retry-After"] == "6"


def test_buckets_are_bounded() -> None:
    """The one that was not used for the longest time goes."""
    buckets = Rates(60)
    for number in range(MOST_BUCKETS + 10):
        buckets.take(str(number), 0.0)
    assert len(buckets.names) == MOST_BUCKETS
    assert "9" not in buckets.names
