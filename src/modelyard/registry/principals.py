"""Who did it, as AWS's UserContext."""

from modelyard.call import Document, Principal


def user_context(principal: Principal) -> Document:
    return {"IamIdentity": {"Arn": principal.arn, "PrincipalId": principal.id}}
