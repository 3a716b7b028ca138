// GraphQL-ESLint's presets for schemas and for Relay's specifications, each rule by itself.

import plugin from '@graphql-eslint/eslint-plugin';
import { ESLint } from 'eslint';

import { SCHEMA, here } from '../workshop.js';

/** Where we differ, and why. */
const OPTIONS = {
  // `nodes` stands beside `edges`, as GitHub's and Shopify's APIs have it, and `userErrors` is a list of no connection.
  // VendorCustomer and HealthChange have no id of their own: a vendor's customer is not ours, a change is a line of a history.
  '@graphql-eslint/relay-edge-types': ['error', { shouldImplementNode: false, listTypeCanWrapOnlyEdgeType: false }],
  // Values, which are what they say: only what can be fetched again has an id.
  '@graphql-eslint/strict-id-in-types': [
    'error',
    {
      exceptions: {
        suffixes: ['Connection', 'Edge', 'Payload'],
        types: [
          'CertificateAllocation',
          'CertificateVerification',
          'Consumption',
          'ConsumptionPoint',
          'CredentialField',
          'CredentialsInfo',
          'Estimate',
          'Health',
          'HealthChange',
          'HealthCounts',
          'HealthSummary',
          'Meter',
          'Methodology',
          'PageInfo',
          'PagesAndTrees',
          'PublicCertificate',
          'Session',
          'SyncError',
          'SyncProgress',
          'Totals',
          'UserError',
          'Vendor',
          'VendorCustomer',
          'Viewer',
        ],
      },
    },
  ],
};

export default async function eslint() {
  const rules = { ...plugin.configs['flat/schema-recommended'].rules, ...plugin.configs['flat/schema-relay'].rules, ...OPTIONS };
  const linter = new ESLint({
    cwd: here('../..'),
    overrideConfigFile: true,
    overrideConfig: [
      {
        files: ['**/*.graphql'],
        languageOptions: { parser: plugin.parser, parserOptions: { graphQLConfig: { schema: SCHEMA, documents: [] } } },
        plugins: { '@graphql-eslint': plugin },
        rules,
      },
    ],
  });
  const [{ messages }] = await linter.lintFiles([SCHEMA]);
  const of = (rule) => messages.filter(({ ruleId }) => ruleId === rule).map(({ line, message }) => `${line}: ${message}`);
  const results = Object.keys(rules).map((rule) => ({ name: rule, error: of(rule).length ? { reason: of(rule).join('\n') } : undefined }));
  const others = messages.filter(({ ruleId }) => !(ruleId in rules)).map(({ message }) => message);
  return [...results, { name: 'the file can be read', error: others.length ? { reason: others.join('\n') } : undefined }];
}
