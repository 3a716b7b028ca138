curl -sN {{url}} \
  -H "X-Api-Key: $COPPICE_KEY" \
  -H 'Content-Type: application/json' \
  -H 'Accept: text/event-stream' \
  -d @- <<'END'
{
  "query": "subscription ($account: ID!, $after: ID) { certificateIssued(accountId: $account, after: $after) { id number trees } }",
  "variables": { "account": "$dealer", "after": "$certificate" }
}
END
