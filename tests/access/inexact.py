"""Names and ARNs that are almost those of a resource."""

from tests.access.asking import ACCOUNT, OTHER, REGION, SAGEMAKER


def inexact(kind: str, path: str) -> list[str]:
    exact = f"{SAGEMAKER}{kind}/{path}"
    version = path.rpartition("/")[2]
    name = path.partition("/")[0]
    spellings = [
        exact.replace(ACCOUNT, OTHER),
        exact.replace(ACCOUNT, ""),
        exact.replace(ACCOUNT, "self"),
        exact.replace(ACCOUNT, f"{ACCOUNT}:"),
        exact.replace(REGION, "eu-west-1a"),
        exact.replace(ACCOUNT, "*"),
        exact.replace(ACCOUNT, f"0{ACCOUNT}"),
        exact.replace(ACCOUNT, ACCOUNT[:-1]),
        exact.replace(ACCOUNT, "١١١١٢٢٢٢٣٣٣٣"),
        exact.replace(REGION, "us-west-2"),
        exact.replace(REGION, ""),
        exact.replace(REGION, "*"),
        exact.replace(REGION, REGION.upper()),
        exact.replace("arn:aws:", "arn:aws-cn:"),
        exact.replace("arn:aws:", "arn:aws-us-gov:"),
        exact.replace("arn:aws:", "arn:*:"),
        exact.replace("arn:aws:", "ARN:AWS:"),
        exact.replace(":sagemaker:", ":s3:"),
        exact.replace(":sagemaker:", ":SageMaker:"),
        exact.replace(f":{kind}/", f":{kind.upper()}/"),
        exact.replace(f":{kind}/", f":{kind.title()}/"),
        exact.replace(f":{kind}/", f":{kind}:"),
        exact.replace(f":{kind}/", f":{kind}//"),
        exact.replace(f":{kind}/", ":model-package-group/"),
        exact.replace(f":{kind}/", ":model-package/"),
        exact.replace(f":{kind}/", ":endpoint/"),
        exact.replace(f":{kind}/", ":*/"),
        f"{exact}/",
        f"{exact}/..",
        f"{exact}/*",
        f"{exact}?",
        f"{exact}\n",
        f" {exact}",
        f"{exact} ",
        f"{exact}\0",
        f"{exact}%2F1",
        f"{SAGEMAKER}{kind}/{exact}",
        f"{SAGEMAKER}{kind}/*",
        f"{SAGEMAKER}{kind}/{name}*",
        f"{SAGEMAKER}{kind}/{name[:-1]}?",
        f"{SAGEMAKER}{kind}/{name.upper()}",
        f"{SAGEMAKER}{kind}/{name}\u200b",
        f"{SAGEMAKER}{kind}/{''.join(chr(ord(c) + 0xFEE0) for c in name)}",
    ]
    versions = ["*", "?", "01", "+1", "-1", "0", "1.0", "1e0", "１", "١", "1/1", "1/", "", " 1"]
    spellings += [f"{SAGEMAKER}{kind}/{name}/{one}" for one in versions if one != version]
    spellings += [text.removeprefix(f"{SAGEMAKER}{kind}/") for text in spellings[24:]]
    return list(dict.fromkeys(text for text in spellings if text != exact))


PACKAGES = inexact("model-package", "churn/1")
GROUPS = inexact("model-package-group", "churn")
