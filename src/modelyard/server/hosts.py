"""Which bucket a Host header names, for clients that put the bucket there (virtual-host style)."""

import re

_BUCKET = r"(?P<bucket>[a-z0-9][a-z0-9.-]{1,61}[a-z0-9])"
# `bucket.s3.amazonaws.com`, `bucket.s3.<region>.amazonaws.com`, `bucket.s3-<region>...`, and the
# same on a host of ours: `bucket.s3.localhost:9000`. Only what is none of these can be
# `bucket.localhost:9000`: a bucket's own name may end with `.s3` as well.
_VIRTUAL = (
    re.compile(rf"{_BUCKET}\.s3[a-z0-9.-]*\.(?:amazonaws\.com(?:\.cn)?|localhost)(?::\d+)?"),
    re.compile(rf"{_BUCKET}\.localhost(?::\d+)?"),
)
_SERVICE_NAMES = frozenset({"s3", "sts", "iam", "sagemaker", "modelyard"})


def bucket_of_host(host: str) -> str | None:
    """The bucket, or None where the host is the server itself and the path names the bucket."""
    name = host.lower()
    match = next(filter(None, (form.fullmatch(name) for form in _VIRTUAL)), None)
    if match is None or match["bucket"].split(".")[0] in _SERVICE_NAMES:
        return None
    return match["bucket"]
