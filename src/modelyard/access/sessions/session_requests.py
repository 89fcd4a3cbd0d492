"""What AssumeRole asks of a session: its policies, tags, source identity, duration. Pure."""

from modelyard.access.identities.refusals import PackedPolicyTooLarge
from modelyard.access.policy import documents
from modelyard.access.sessions import session_tokens
from modelyard.call import Document, Principal, Session
from modelyard.errors import AccessDeniedException, ValidationException

SESSION_SECONDS_DEFAULT = 3600
CHAINED_SECONDS_MAX = 3600  # AWS: a session that assumes a role gets an hour
POLICY_CHARS_MAX = 2048  # AssumeRole, Policy: with the managed policies' ARNs
POLICY_ARNS_MAX = 10  # AssumeRole, PolicyArns


def read(request: Document, principal: Principal, role_arn: str, now_us: int) -> Session:
    """The session that a request for a role's credentials describes.

    Tags that `principal`'s own session passes on are in it, whether asked for or not.
    Raises: ValidationException, MalformedPolicyDocument, PackedPolicyTooLarge.
    """
    policies = (request["Policy"],) if request.get("Policy") else ()
    for text in policies:
        documents.read_identity(text)
    arns = tuple(one["arn"] for one in request.get("PolicyArns", []))
    _check_policies(policies, arns)
    tags = _tags(request)
    transitive = tuple(request.get("TransitiveTagKeys", []))
    if {key.lower() for key in transitive} - {key.lower() for key, _ in tags}:
        raise ValidationException("TransitiveTagKeys must be keys of the session tags passed.")
    inherited, passed_on = _inherited(principal, tags)
    session = Session(
        role_arn=role_arn,
        issued_us=now_us,
        policies=policies,
        policy_arns=arns,
        tags=tags + inherited,
        transitive_tag_keys=transitive + passed_on,
        # A role that a person's session takes on ends with their sign-in too.
        sign_in=principal.session.sign_in if principal.session is not None else "",
    )
    packed = session_tokens.packed_bytes(session)
    if packed > session_tokens.PACKED_BYTES_MAX:
        percent = _percent(packed)
        raise PackedPolicyTooLarge(
            f"Packed policy and tags consume {percent}% of allotted space, please use smaller ones."
        )
    return session


def packed_percent(session: Session) -> int | None:
    """PackedPolicySize of the answer; None when the session has neither policies nor tags."""
    if not (session.is_narrowed or session.tags):
        return None
    return _percent(session_tokens.packed_bytes(session))


def check_no_mfa(request: Document) -> None:
    """Raises: AccessDeniedException: there are no MFA devices here, so no code is right."""
    if request.get("SerialNumber") or request.get("TokenCode"):
        raise AccessDeniedException(
            "MultiFactorAuthentication failed with invalid MFA one time pass code."
        )


def role_seconds(request: Document, principal: Principal, seconds_max: int) -> int:
    """Raises: ValidationException: longer than the role, or a chain of roles, allows."""
    seconds = int(request.get("DurationSeconds", SESSION_SECONDS_DEFAULT))
    if seconds > seconds_max:
        raise ValidationException(
            "The requested DurationSeconds exceeds the MaxSessionDuration set for this role."
        )
    if principal.session is not None and seconds > CHAINED_SECONDS_MAX:
        raise ValidationException(
            "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by "
            "role chaining"
        )
    return seconds


def _check_policies(policies: tuple[str, ...], arns: tuple[str, ...]) -> None:
    if len(arns) > POLICY_ARNS_MAX:
        raise ValidationException(f"A session has at most {POLICY_ARNS_MAX} managed policies.")
    if sum(map(len, policies + arns)) > POLICY_CHARS_MAX:
        raise PackedPolicyTooLarge(
            f"Session policies have at most {POLICY_CHARS_MAX} characters, ARNs included."
        )


def _tags(request: Document) -> tuple[tuple[str, str], ...]:
    tags = tuple((tag["Key"], tag["Value"]) for tag in request.get("Tags", []))
    if len({key.lower() for key, _ in tags}) != len(tags):
        raise ValidationException(
            "Duplicate tag keys found. Please note that Tag keys are case insensitive."
        )
    return tags


def _inherited(
    principal: Principal, tags: tuple[tuple[str, str], ...]
) -> tuple[tuple[tuple[str, str], ...], tuple[str, ...]]:
    """The tags that the caller's session passes on to every role it assumes, and their keys."""
    if principal.session is None:
        return (), ()
    keys = {key.lower() for key in principal.session.transitive_tag_keys}
    passed = tuple(tag for tag in principal.session.tags if tag[0].lower() in keys)
    if keys & {key.lower() for key, _ in tags}:
        raise ValidationException(
            "One of the specified transitive tag keys can't be set because it conflicts with a "
            "transitive tag key from the calling session."
        )
    return passed, principal.session.transitive_tag_keys


def _percent(packed: int) -> int:
    return max(1, -(-packed * 100 // session_tokens.PACKED_BYTES_MAX))
