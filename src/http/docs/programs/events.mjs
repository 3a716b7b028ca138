const subscription = `subscription ($account: ID!, $after: ID) {
  certificateIssued(accountId: $account, after: $after) { id number trees }
}`;

/** Gives each certificate once, for ever; after a break it goes on behind the last one. */
async function* certificates(account, after) {
  for (;;) {
    const answer = await fetch('{{url}}', {
      method: 'POST',
      headers: {
        Accept: 'text/event-stream',
        'Content-Type': 'application/json',
        'X-Api-Key': process.env.COPPICE_KEY,
      },
      body: JSON.stringify({ query: subscription, variables: { account, after } }),
    });
    if (!answer.ok) throw new Error(await answer.text());
    let text = '';
    try {
      for await (const chunk of answer.body.pipeThrough(new TextDecoderStream())) {
        const lines = (text + chunk).split('\n');
        text = lines.pop();
        for (const line of lines.filter((line) => line.startsWith('data: {'))) {
          const { data, errors } = JSON.parse(line.slice(6));
          if (errors) throw new Error(errors[0].message);
          after = data.certificateIssued.id;
          yield data.certificateIssued;
        }
      }
    } catch (error) {
      // Node.js and browsers tell a broken connection by a TypeError.
      if (!(error instanceof TypeError)) throw error;
    }
    await new Promise((resolve) => setTimeout(resolve, 1000));
  }
}

for await (const certificate of certificates('$dealer', '$certificate')) console.log(certificate);
