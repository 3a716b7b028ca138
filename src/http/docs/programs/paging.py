import json, os, urllib.request

def ask(query, variables):
    request = urllib.request.Request(
        "{{url}}",
        json.dumps({"query": query, "variables": variables}).encode(),
        {"Content-Type": "application/json", "X-Api-Key": os.environ["COPPICE_KEY"]},
    )
    answer = json.load(urllib.request.urlopen(request))
    if "errors" in answer:
        raise SystemExit(answer["errors"][0]["message"])
    return answer["data"]

query = """
query ($after: String) {
  accounts(first: 100, after: $after) {
    nodes { id name role }
    pageInfo { hasNextPage endCursor }
  }
}
"""

after = None
while True:
    accounts = ask(query, {"after": after})["accounts"]
    for account in accounts["nodes"]:
        print(account["id"], account["name"])
    if not accounts["pageInfo"]["hasNextPage"]:
        break
    after = accounts["pageInfo"]["endCursor"]
