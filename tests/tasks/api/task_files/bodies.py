"""What is read of a response that is sent in pieces."""

import io
import json
import zipfile


def body(answer):
    assert answer.status_code == 200, answer.content
    return json.loads(answer.getvalue())


def archived(api, work, query=""):
    answer = api.get(f"{work.url}/files.zip{query}")
    return zipfile.ZipFile(io.BytesIO(answer.getvalue()))
