"""Fills the database of the example application; runs in its backend's container (playbooks/dev_reset.yml)."""

import http.client
import json

CREDENTIALS = {"name": "ada", "password": "development"}
NOTES = ("Save a file, and see what becomes of it", "Add a model, and let Alembic find it", "Start over at will")


def ask(method: str, path: str, body: object = None, token: str = "") -> dict:
    """Send a request to the backend, with a body as JSON, and return the answer."""
    connection = http.client.HTTPConnection("127.0.0.1", 8000, timeout=10)
    headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {token}"} if token else {})
    connection.request(method, path, json.dumps(body), headers)
    answer = connection.getresponse()
    text = answer.read()
    if answer.status >= 400:
        raise SystemExit(f"{method} {path}: {answer.status} {text.decode()}")
    return json.loads(text)


signs_in = "/auth/register" in ask("GET", "/openapi.json")["paths"]
token = ask("POST", "/auth/register", CREDENTIALS)["access_token"] if signs_in else ""
for note in NOTES:
    ask("POST", "/notes", {"text": note}, token)
