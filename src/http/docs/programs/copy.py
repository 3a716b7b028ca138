import json, os, pathlib, urllib.request

query = """
query ($after: String) {
  accounts(first: 100, after: $after, orderBy: UPDATED_AT_ASC) {
    nodes { id name status updatedAt }
    pageInfo { hasNextPage endCursor }
  }
}
"""

# The copy: what was read, and the place to go on from.
file = pathlib.Path("accounts.json")
copy = json.loads(file.read_text()) if file.exists() else {"after": None, "accounts": {}}
more = True
while more:
    request = urllib.request.Request(
        "{{url}}",
        json.dumps({"query": query, "variables": {"after": copy["after"]}}).encode(),
        {"Content-Type": "application/json", "X-Api-Key": os.environ["COPPICE_KEY"]},
    )
    answer = json.load(urllib.request.urlopen(request))
    if "errors" in answer:
        raise SystemExit(answer["errors"][0]["message"])
    page = answer["data"]["accounts"]
    copy["accounts"].update((account["id"], account) for account in page["nodes"])
    copy["after"] = page["pageInfo"]["endCursor"] or copy["after"]
    more = page["pageInfo"]["hasNextPage"]
file.write_text(json.dumps(copy))
print(len(copy["accounts"]), "accounts")
