// What graphql-js says of the corpus, by the committed schema.

import { readFileSync } from 'node:fs';

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

/** Every case with its verdict. */
export function verdicts() {
  const judged = schema();
  const verdicts = cases.map((one) => {
    const reason = refusal(judged, one);
    return { ...one, valid: reason === undefined, reason, different: different[one.name] };
  });
  const names = new Set(verdicts.map(({ name }) => name));
  if (names.size !== verdicts.length) throw new Error('two cases have one name');
  return verdicts;
}

/** The verdicts as they are committed. */
export const written = here('verdicts.json');

export const text = (verdicts) => `[\n${verdicts.map((verdict) => JSON.stringify(verdict)).join(',\n')}\n]\n`;
