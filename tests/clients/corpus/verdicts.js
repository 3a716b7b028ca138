// What graphql-js says of the corpus, by the committed schema.
//
//   node corpus/verdicts.js                      writes corpus/verdicts.json
//   node corpus/verdicts.js URL [--key KEY]      compares a running server with it; exit status 0 if they agree

import { readFileSync, writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';

import { GraphQLError, Kind, buildSchema, getOperationAST, getVariableValues, parse, validate } from 'graphql';
// Execution's own look-up of the variables' values.
import * as execution from 'graphql/execution/index.js';

import { cases, different } from './cases.js';

const here = (name) => new URL(name, import.meta.url);
const variableValues = getVariableValues ?? execution.getVariableValues;

/** The schema, its scalars as strict as their descriptions. */
function schema() {
  const schema = buildSchema(readFileSync(here('../../../schema.graphql'), 'utf8'));
  const text = (shape, valid = () => true) => (value) => typeof value === 'string' && shape.test(value) && valid(value);
  const inCalendar = (day) => new Date(`${day.slice(0, 10)}T00:00:00Z`).toISOString().startsWith(day.slice(0, 10));
  const calendar = (day) => !Number.isNaN(Date.parse(day)) && inCalendar(day);
  const scalars = {
    Date: text(/^\d{4}-\d\d-\d\d$/, calendar),
    DateTime: text(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$/, calendar),
    Decimal: text(/^-?\d+(\.\d+)?$/),
    LocalTime: text(/^([01]\d|2[0-3]):[0-5]\d$/),
    Long: (value) => Number.isSafeInteger(value),
    Month: text(/^\d{4}-(0[1-9]|1[0-2])$/),
    TimeZone: text(/^[A-Za-z]+(\/[A-Za-z_]+)*$/),
    URL: text(/^[a-z]+:/),
  };
  const literals = { [Kind.INT]: (node) => Number(node.value), [Kind.STRING]: (node) => node.value };
  for (const [name, valid] of Object.entries(scalars)) {
    const type = schema.getType(name);
    type.parseValue = (value) => {
      if (!valid(value)) throw new GraphQLError(`not a ${name}`);
      return value;
    };
    type.parseLiteral = (node) => type.parseValue(literals[node.kind]?.(node));
  }
  return schema;
}

/** Why graphql-js refuses a request before it runs anything; undefined if it does not. */
function refusal(schema, { query, variables, operationName }) {
  let document;
  try {
    document = parse(query);
  } catch (error) {
    return error.message;
  }
  const [error] = validate(schema, document);
  if (error) return error.message;
  const operation = getOperationAST(document, operationName);
  if (!operation) return 'no such operation';
  const { errors } = variableValues(schema, operation.variableDefinitions ?? [], variables ?? {});
  return errors?.[0].message;
}

const { values, positionals } = parseArgs({ allowPositionals: true, options: { key: { type: 'string' } } });
const [url] = positionals;
if (!url) {
  const judged = schema();
  const verdicts = cases.map((one) => {
    const reason = refusal(judged, one);
    return { ...one, valid: reason === undefined, reason, different: different[one.name] };
  });
  const names = new Set(verdicts.map(({ name }) => name));
  if (names.size !== verdicts.length) throw new Error('two cases have one name');
  const lines = verdicts.map((verdict) => JSON.stringify(verdict));
  writeFileSync(here('verdicts.json'), `[\n${lines.join(',\n')}\n]\n`);
  console.log(`${verdicts.length} documents, ${verdicts.filter(({ valid }) => valid).length} of them valid`);
} else {
  const verdicts = JSON.parse(readFileSync(here('verdicts.json'), 'utf8'));
  let wrong = 0;
  for (const { name, query, variables, operationName, valid, reason, different } of verdicts) {
    const response = await fetch(url, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...(values.key && { authorization: `Bearer ${values.key}` }) },
      body: JSON.stringify({ query, variables, operationName }),
    });
    const { errors = [] } = await response.json();
    const refused = errors.find(({ extensions }) => extensions.code === 'GRAPHQL_VALIDATION_FAILED');
    if (!refused !== (valid !== Boolean(different))) {
      wrong += 1;
      console.error(`${name}: ${refused ? `refused: ${refused.message}` : `accepted, but: ${different ?? reason}`}`);
    }
  }
  console.log(`${verdicts.length - wrong} of ${verdicts.length} documents judged as expected`);
  process.exit(wrong ? 1 : 0);
}
