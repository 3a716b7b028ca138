// GraphiQL as Coppice serves it: example tabs, subscriptions over a WebSocket, and one API key for all tabs.
import { createGraphiQLFetcher } from '@graphiql/toolkit';
import { GraphiQL } from 'graphiql';
import { useState } from 'react';
import { createRoot } from 'react-dom/client';
import 'graphiql/style.css';
import './main.css';

const KEY = 'X-Api-Key';
const HEADERS = JSON.stringify({ [KEY]: '' }, null, 2);

/** The example tabs, from the page. */
const tabs = JSON.parse(document.getElementById('tabs').textContent);

/** The credential last used, as a header's name and value; kept while the page is open, for tabs that have none of their own. */
let credential = null;

/** The header of `headers` that signs in; null if there is none or it is empty. */
function credentialOf(headers) {
  const found = Object.entries(headers ?? {}).find(
    ([name, value]) => ['x-api-key', 'authorization'].includes(name.toLowerCase()) && String(value).trim() !== '',
  );
  return found ?? null;
}

/** What is sent for the headers typed: an empty key would be refused, where none at all may read what is public. */
function sent(headers) {
  const own = credentialOf(headers);
  credential = own ?? credential;
  const filled = Object.entries(headers ?? {}).filter(([, value]) => String(value).trim() !== '');
  return Object.fromEntries(own || !credential ? filled : [...filled, credential]);
}

const scheme = location.protocol === 'https:' ? 'wss:' : 'ws:';
const ask = createGraphiQLFetcher({ url: '/graphql', subscriptionUrl: `${scheme}//${location.host}/graphql` });
const fetcher = (params, options) => ask(params, { ...options, headers: sent(options?.headers) });

function typedCredential(text) {
  try {
    return credentialOf(JSON.parse(text));
  } catch {
    return null;
  }
}

function Page() {
  const [signedIn, setSignedIn] = useState(false);
  return (
    <>
      <header className="coppice-bar">
        <strong>Coppice</strong>
        {signedIn ? (
          <span>The key goes with every tab until the page is closed.</span>
        ) : (
          <span role="status">
            No API key yet, so only what is public answers. Put yours under <b>Headers</b>, below the query:{' '}
            <code>{`{ "${KEY}": "coppice_key_..." }`}</code>; in one tab is enough.
          </span>
        )}
        <a href="/docs/">Guide and reference</a>
      </header>
      <GraphiQL
        fetcher={fetcher}
        defaultTabs={tabs.map((tab) => ({ headers: HEADERS, ...tab }))}
        defaultHeaders={HEADERS}
        defaultEditorToolsVisibility="headers"
        onEditHeaders={(text) => setSignedIn((before) => before || typedCredential(text) !== null)}
      >
        <GraphiQL.Logo>
          <span />
        </GraphiQL.Logo>
      </GraphiQL>
    </>
  );
}

createRoot(document.getElementById('graphiql')).render(<Page />);
