"""Which bucket a Host header names."""

import pytest

from modelyard.server.hosts import bucket_of_host


@pytest.mark.parametrize(
    "host",
    [
        "churn.s3.amazonaws.com",
        "churn.s3.eu-west-1.amazonaws.com",
        "churn.s3-eu-west-1.amazonaws.com",
        "churn.s3.dualstack.eu-west-1.amazonaws.com:443",
        "churn.s3.cn-north-1.amazonaws.com.cn",
        "churn.s3.localhost",
        "churn.s3.localhost:9000",
        "CHURN.S3.localhost:9000",
        "churn.s3.us-east-1.localhost:9000",
        "churn.localhost:9000",
    ],
)
def test_the_bucket_is_what_stands_before_the_service(host: str) -> None:
    assert bucket_of_host(host) == "churn"


@pytest.mark.parametrize(
    "host",
    [
        "",
        "localhost:9000",
        "s3.localhost:9000",
        "127.0.0.1:9000",
        "s3.amazonaws.com",
        "example.org",
    ],
)
def test_a_host_without_a_bucket_names_none(host: str) -> None:
    assert bucket_of_host(host) is None


def test_a_bucket_may_have_dots() -> None:
    assert bucket_of_host("a.b.s3.localhost:9000") == "a.b"
    assert bucket_of_host("a.b.s3.us-west-2.amazonaws.com") == "a.b"
