import http.client, json, os, time, urllib.error, urllib.request

subscription = """
subscription ($account: ID!, $after: ID) {
  certificateIssued(accountId: $account, after: $after) { id number trees }
}
"""

def certificates(account, after):
    """Gives each certificate once, for ever; after a break it goes on behind the last one."""
    while True:
        request = urllib.request.Request(
            "{{url}}",
            json.dumps({"query": subscription, "variables": {"account": account, "after": after}}).encode(),
            {
                "Accept": "text/event-stream",
                "Content-Type": "application/json",
                "X-Api-Key": os.environ["COPPICE_KEY"],
            },
        )
        try:
            # The server sends a comment at least every {{keep_alive}}.
            with urllib.request.urlopen(request, timeout=60) as stream:
                for line in stream:
                    if line.startswith(b"data: {"):
                        answer = json.loads(line[6:])
                        if "errors" in answer:
                            raise SystemExit(answer["errors"][0]["message"])
                        after = answer["data"]["certificateIssued"]["id"]
                        yield answer["data"]["certificateIssued"]
        except urllib.error.HTTPError as error:
            raise SystemExit(error.read().decode())
        except (OSError, http.client.HTTPException):
            pass
        time.sleep(1)

for certificate in certificates("$dealer", "$certificate"):
    print(certificate, flush=True)
