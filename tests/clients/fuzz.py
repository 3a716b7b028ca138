"""What schemathesis has to know of the API: texts of its scalars, ids that are there, and which errors are failures.

    SUITE_URL=http://127.0.0.1:8080/graphql SUITE_KEY=coppice_key_... SCHEMATHESIS_HOOKS=fuzz PYTHONPATH=. \\
        schemathesis run $SUITE_URL --header "X-Api-Key: $SUITE_KEY" --checks no_field_fails --seed 1 --max-examples 5
"""

import datetime
import json
import os
import re
import urllib.request

import schemathesis
from hypothesis import strategies as st
from hypothesis_graphql import nodes


def known_ids():
    """Ids of what is there. API keys are not among them, so that a test does not revoke its own."""
    query = """{ accounts { nodes { id } } servers { nodes { id } } feeds { nodes { id devices(first: 1) { nodes { id } }
        collections(first: 1) { nodes { id } } deposits(first: 1) { nodes { id } } } } syncRuns(first: 5) { nodes { id } }
        certificates { nodes { id } } projects { nodes { id } } }"""
    headers = {"content-type": "application/json", "x-api-key": os.environ["SUITE_KEY"]}
    request = urllib.request.Request(os.environ["SUITE_URL"], json.dumps({"query": query}).encode(), headers)
    with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request) as response:
        return sorted(set(re.findall(r'"id":"(\w+)"', response.read().decode())))


def scalar(name, texts, node=nodes.String):
    schemathesis.graphql.scalar(name, texts.map(str).map(node))


DAYS = st.dates(datetime.date(2026, 1, 1), datetime.date(2027, 12, 31))
scalar("Date", DAYS)
scalar("DateTime", DAYS.map(lambda day: f"{day}T12:00:00.000Z"))
scalar("Month", DAYS.map(lambda day: f"{day:%Y-%m}"))
scalar("LocalTime", st.times().map(lambda time: f"{time:%H:%M}"))
scalar("Decimal", st.decimals(-100, 10_000, places=2))
scalar("Long", st.integers(-(2**53) + 1, 2**53 - 1), nodes.Int)
scalar("TimeZone", st.sampled_from(["UTC", "Europe/Berlin", "America/Sao_Paulo"]))
# No name that has to be looked up: whether a machine can is not the question.
scalar("URL", st.sampled_from(["https://127.0.0.1:9", "https://localhost:9/x", "http://127.0.0.1", "https://10.0.0.1", "ftp://x"]))
scalar("ID", st.one_of(st.sampled_from(known_ids()), st.sampled_from(known_ids()), st.text(max_size=40), st.integers()))


@schemathesis.hook
def before_call(context, case, kwargs):
    """Most pages have a size that is allowed, and one end; otherwise little would be seen but refusals."""
    if isinstance(case.body, str) and len(case.body) % 4:
        body = re.sub(r"\bfirst: -?\d+", lambda found: f"first: {int(found[0][7:]) % 5 + 1}", case.body)
        body = re.sub(r"\blast: -?\d+", "last: null", body)
        case.body = re.sub(r'\b(after|before): "(\\.|[^"\\])*"', r"\1: null", body)


@schemathesis.check
def no_field_fails(context, response, case):
    """What a caller can do wrong is data, or is refused before anything runs: an error that has a path is our fault."""
    assert response.status_code < 500, response.status_code
    answer = response.json()
    failed = [error for error in answer.get("errors", []) if "path" in error or error["extensions"]["code"] == "INTERNAL"]
    assert not failed, json.dumps(failed)
