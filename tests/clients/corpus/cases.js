// Documents with their variables, each about one thing that a server may get wrong. What is right is not said here: graphql-js
// says it (verdicts.js).

const cases = [];
const is = (name, query, variables, operationName) => cases.push({ name, query, variables, operationName });

// Syntax
is('empty text', '');
is('only a comment', '# nothing');
is('shorthand', '{ viewer { permission } }');
is('empty selection', '{ }');
is('empty sub-selection', '{ viewer { } }');
is('missing brace', '{ viewer { permission }');
is('extra brace', '{ viewer { permission } }}');
is('commas anywhere', '{,,viewer,{,permission,},}');
is('byte order mark', '\uFEFF{ viewer { permission } }');
is('name with a dash', '{ viewer-er { permission } }');
is('name with a digit first', '{ 1viewer { permission } }');
is('fragment named on', '{ ...on } fragment on on Query { viewer { permission } }');
is('field named on', '{ on }');
is('keywords as aliases', '{ query: viewer { fragment: permission on: permission true: permission } }');
is('enum literal true', '{ feeds(orderBy: true) { nodes { id } } }');
is('string with an escape', '{ node(id: "a\\u0041\\n") { id } }');
is('string with a braced escape', '{ node(id: "\\u{1F333}") { id } }');
is('string with a bad escape', '{ node(id: "\\x41") { id } }');
is('string with a lone surrogate', '{ node(id: "\\uD800") { id } }');
is('string with a surrogate pair', '{ node(id: "\\uD83C\\uDF33") { id } }');
is('string over two lines', '{ node(id: "a\nb") { id } }');
is('block string', '{ node(id: """\n  a "quoted" \\""" text\n""") { id } }');
is('unterminated string', '{ node(id: "a) { id } }');
is('unterminated block string', '{ node(id: """a) { id } }');
is('number with a leading zero', '{ methodology(version: 01) { version } }');
is('number followed by a letter', '{ methodology(version: 1a) { version } }');
is('number with a plus', '{ methodology(version: +1) { version } }');
is('negative zero', '{ methodology(version: -0) { version } }');
is('number that ends in a dot', '{ methodology(version: 1.) { version } }');
is('dots', '{ ..viewer { permission } }');
is('type definition in a document', '{ viewer { permission } } type A { b: Int }');
is('only a type definition', 'type A { b: Int }');
is('description before an operation', '"about" query { viewer { permission } }');
is('empty arguments', '{ viewer() { permission } }');
is('empty variables', 'query () { viewer { permission } }');
is('variable without a type', 'query ($a) { node(id: $a) { id } }');
is('variable in a default', 'query ($a: ID!, $b: ID = $a) { node(id: $b) { id } n: node(id: $a) { id } }');
is('list literal without a close', '{ nodes(ids: ["a") { id } }');
is('bare ampersand', '{ viewer & { permission } }');
is('fragment without a type condition', '{ ...A } fragment A { viewer { permission } }');
is('fragment with variables', 'fragment A($x: Int) on Query { viewer { permission } } { ...A }');
is('directive without a name', '{ viewer @ { permission } }');
is('control character', '{ viewer { \u0007permission } }');
is('null byte in a string', '{ node(id: "a\\u0000") { id } }');

// Operations
is('two anonymous operations', '{ viewer { permission } } { viewer { permission } }');
is('anonymous beside named', '{ viewer { permission } } query A { viewer { permission } }', {}, 'A');
is('same operation name', 'query A { viewer { permission } } query A { vendors { kind } }', {}, 'A');
is('same name of query and mutation', 'query A { viewer { permission } } mutation A { cancelSync(input: { runId: "x" }) { userErrors { code } } }', {}, 'A');
is('operation chosen', 'query A { viewer { permission } } query B { vendors { kind } }', {}, 'B');
is('operation not chosen', 'query A { viewer { permission } } query B { vendors { kind } }');
is('operation that is not there', 'query A { viewer { permission } }', {}, 'C');
is('one named operation, none chosen', 'query A { viewer { permission } }');
is('anonymous operation, name given', '{ viewer { permission } }', {}, 'A');
is('only a fragment', 'fragment A on Query { viewer { permission } }');
is('operation and fragment of one name', 'query A { ...A } fragment A on Query { viewer { permission } }');

// Fields
is('unknown field', '{ nothing }');
is('unknown field below', '{ viewer { nothing } }');
is('leaf with a selection', '{ viewer { permission { name } } }');
is('enum with an empty alias', '{ viewer { : permission } }');
is('object without a selection', '{ viewer }');
is('list of objects without a selection', '{ vendors }');
is('__typename', '{ __typename }');
is('__typename with a selection', '{ __typename { x } }');
is('__typename below', '{ viewer { __typename } }');
is('__typename below with a selection', '{ viewer { __typename { x } } }');
is('__typename in an edge', '{ accounts { edges { __typename node { __typename } } } }');
is('__typename with an argument', '{ __typename(a: 1) }');
is('__schema below the root', '{ viewer { __schema { queryType { name } } } }');
is('__schema', '{ __schema { queryType { name } } }');
is('__type without a name', '{ __type { name } }');
is('__type', '{ __type(name: "Account") { name } }');
is('__schema in a mutation', 'mutation { __schema { queryType { name } } }');
is('__typename in a mutation', 'mutation { __typename }');
is('unknown field of __schema', '{ __schema { nothing } }');
is('interface field', '{ node(id: "x") { id } }');
is('field of an implementation on its interface', '{ node(id: "x") { name } }');
is('field on a union', '{ account(id: "x") { health { unhealthyFeeds { nodes { health { history { nodes { subject { id } } } } } } } } }');
is('__typename on a union', '{ account(id: "x") { health { unhealthyFeeds { nodes { health { history { nodes { subject { __typename } } } } } } } } }');

// Arguments
is('unknown argument', '{ node(id: "x", more: 1) { id } }');
is('argument twice', '{ node(id: "x", id: "y") { id } }');
is('required argument missing', '{ node { id } }');
is('required argument null', '{ node(id: null) { id } }');
is('argument with a default missing', '{ feeds { nodes { id } } }');
is('argument with a default null', '{ feeds(orderBy: null) { nodes { id } } }');
is('nullable argument null', '{ feeds(filter: null) { nodes { id } } }');
is('argument of a leaf', '{ viewer { permission(a: 1) } }');

// Literals
is('Int', '{ methodology(version: 1) { version } }');
is('Int as text', '{ methodology(version: "1") { version } }');
is('Int with a fraction', '{ methodology(version: 1.0) { version } }');
is('Int with an exponent', '{ methodology(version: 1e0) { version } }');
is('the largest Int', '{ methodology(version: 2147483647) { version } }');
is('an Int too large', '{ methodology(version: 2147483648) { version } }');
is('the smallest Int', '{ methodology(version: -2147483648) { version } }');
is('an Int too small', '{ methodology(version: -2147483649) { version } }');
is('a huge Int', '{ methodology(version: 99999999999999999999999) { version } }');
is('Int as a Boolean', '{ methodology(version: true) { version } }');
is('Int as an enum', '{ methodology(version: ONE) { version } }');
is('Int as a list', '{ methodology(version: [1]) { version } }');
is('Int as an object', '{ methodology(version: { a: 1 }) { version } }');
is('ID as text', '{ node(id: "1") { id } }');
is('ID as a number', '{ node(id: 1) { id } }');
is('ID with a fraction', '{ node(id: 1.5) { id } }');
is('ID as a Boolean', '{ node(id: true) { id } }');
is('ID as an enum', '{ node(id: abc) { id } }');
is('String as a number', '{ feeds(filter: { search: 1 }) { nodes { id } } }');
is('String as an enum', '{ feeds(filter: { search: abc }) { nodes { id } } }');
is('enum', '{ feeds(orderBy: NAME_ASC) { nodes { id } } }');
is('enum as text', '{ feeds(orderBy: "NAME_ASC") { nodes { id } } }');
is('enum that is not there', '{ feeds(orderBy: NOTHING) { nodes { id } } }');
is('enum in lower case', '{ feeds(orderBy: name_asc) { nodes { id } } }');
is('enum as a number', '{ feeds(orderBy: 0) { nodes { id } } }');
is('list', '{ nodes(ids: ["a", "b"]) { id } }');
is('list of one without brackets', '{ nodes(ids: "a") { id } }');
is('empty list', '{ nodes(ids: []) { id } }');
is('list with null', '{ nodes(ids: ["a", null]) { id } }');
is('list in a list', '{ nodes(ids: [["a"]]) { id } }');
is('list with one of another type', '{ nodes(ids: ["a", true]) { id } }');
is('enum list', '{ feeds(filter: { health: [HEALTHY, UNHEALTHY] }) { nodes { id } } }');
is('enum list of one without brackets', '{ feeds(filter: { health: HEALTHY }) { nodes { id } } }');
is('enum list with text', '{ feeds(filter: { health: ["HEALTHY"] }) { nodes { id } } }');
is('input object', '{ feeds(filter: { search: "x" }) { nodes { id } } }');
is('empty input object', '{ feeds(filter: {}) { nodes { id } } }');
is('unknown input field', '{ feeds(filter: { nothing: 1 }) { nodes { id } } }');
is('input field twice', '{ feeds(filter: { search: "a", search: "b" }) { nodes { id } } }');
is('input field twice, alike', '{ feeds(filter: { search: "a", search: "a" }) { nodes { id } } }');
is('input object as text', '{ feeds(filter: "x") { nodes { id } } }');
is('input object as a list', '{ feeds(filter: [{ search: "x" }]) { nodes { id } } }');
is('required input field missing', '{ estimate(items: [{ width: "1" }]) { trees } }');
is('required input field null', '{ estimate(items: [{ quantity: null }]) { trees } }');
is('input field with a default null', '{ estimate(items: [{ quantity: 1, gsm: null }]) { trees } }');
is('input field with a default missing', '{ estimate(items: [{ quantity: 1 }]) { trees } }');
is('one input object for a list', '{ estimate(items: { quantity: 1 }) { trees } }');
is('list of input objects, one wrong', '{ estimate(items: [{ quantity: 1 }, { quantity: 1, more: 2 }]) { trees } }');
is('Long', 'mutation { createDeposit(input: { accountId: "a", date: "2026-01-01", small: 9007199254740991 }) { userErrors { code } } }');
is('a Long too large', '{ estimate(items: [{ quantity: 9007199254740992 }]) { trees } }');
is('Long as text', '{ estimate(items: [{ quantity: "1" }]) { trees } }');
is('Long with a fraction', '{ estimate(items: [{ quantity: 1.5 }]) { trees } }');
is('Decimal', '{ estimate(items: [{ quantity: 1, gsm: "80.5" }]) { trees } }');
is('Decimal as a number', '{ estimate(items: [{ quantity: 1, gsm: 80.5 }]) { trees } }');
is('Decimal as words', '{ estimate(items: [{ quantity: 1, gsm: "much" }]) { trees } }');
is('Date', '{ consumption(accountId: "x", from: "2026-01-01", to: "2026-02-01") { from } }');
is('a Date that is not in the calendar', '{ consumption(accountId: "x", from: "2026-02-30", to: "2026-03-01") { from } }');
is('Date as a number', '{ consumption(accountId: "x", from: 20260101, to: "2026-03-01") { from } }');
is('Date as an enum', '{ consumption(accountId: "x", from: TODAY, to: "2026-03-01") { from } }');
is('DateTime', '{ feeds(filter: { updatedSince: "2026-01-01T00:00:00Z" }) { nodes { id } } }');
is('DateTime without a zone', '{ feeds(filter: { updatedSince: "2026-01-01T00:00:00" }) { nodes { id } } }');

// Input objects with exactly one field
const server = (credentials) =>
  `mutation { registerServer(input: { accountId: "x", name: "n", url: "https://v.example", credentials: ${credentials} }) { userErrors { code } } }`;
is('oneOf with one', server('{ threeManager: { username: "a", password: "b" } }'));
is('oneOf with none', server('{}'));
is('oneOf with two', server('{ threeManager: { username: "a", password: "b" }, printanista: { username: "a", password: "b", apiKey: "c" } }'));
is('oneOf with null', server('{ threeManager: null }'));
is('oneOf with one and a null', server('{ threeManager: { username: "a", password: "b" }, printanista: null }'));
is('oneOf as an enum', server('THREE_MANAGER'));
is('oneOf as text', server('"threeManager"'));
is('oneOf with an unknown field', server('{ nothing: {} }'));
is('oneOf whose field is wrong', server('{ threeManager: { username: "a" } }'));
is('oneOf null', server('null'));
const credentials =
  'mutation ($c: ServerCredentialsInput!) { testServerConnection(input: { url: "https://v.invalid", credentials: $c }) { passed } }';
const login = { username: 'a', password: 'b' };
is('oneOf variable with one', credentials, { c: { threeManager: login } });
is('oneOf variable with none', credentials, { c: {} });
is('oneOf variable with two', credentials, { c: { threeManager: login, printanista: { ...login, apiKey: 'c' } } });
is('oneOf variable with null', credentials, { c: { threeManager: null } });
is('oneOf variable with one and a null', credentials, { c: { threeManager: login, printanista: null } });
is('oneOf variable as text', credentials, { c: 'threeManager' });
is('oneOf variable as a list', credentials, { c: [{ threeManager: login }] });
const inner = (type) =>
  `mutation ($l: ${type}) { testServerConnection(input: { url: "https://v.invalid", credentials: { threeManager: $l } }) { passed } }`;
is('oneOf field by a variable', inner('ThreeManagerCredentialsInput!'), { l: login });
is('oneOf field by a nullable variable', inner('ThreeManagerCredentialsInput'), { l: login });
is('oneOf field by a nullable variable that is null', inner('ThreeManagerCredentialsInput'), { l: null });
is('oneOf field by a variable with a default', inner('ThreeManagerCredentialsInput = { username: "a", password: "b" }'));

// Variables: their values
const number = 'query ($n: Int) { methodology(version: $n) { version } }';
const needed = 'query ($n: Int!) { methodology(version: $n) { version } }';
is('variable', number, { n: 1 });
is('variable missing', number);
is('variable null', number, { n: null });
is('required variable missing', needed);
is('required variable null', needed, { n: null });
is('required variable', needed, { n: 1 });
is('Int variable as text', number, { n: '1' });
is('Int variable with a fraction', number, { n: 1.5 });
is('Int variable as a Boolean', number, { n: true });
is('Int variable as a list', number, { n: [1] });
is('Int variable as an object', number, { n: { a: 1 } });
is('the largest Int variable', number, { n: 2147483647 });
is('an Int variable too large', number, { n: 2147483648 });
is('an Int variable too small', number, { n: -2147483649 });
is('a huge Int variable', number, { n: 1e300 });
is('more variables than declared', number, { n: 1, m: 2 });
is('ID variable as a number', 'query ($i: ID!) { node(id: $i) { id } }', { i: 7 });
is('ID variable with a fraction', 'query ($i: ID!) { node(id: $i) { id } }', { i: 7.5 });
is('ID variable as a Boolean', 'query ($i: ID!) { node(id: $i) { id } }', { i: true });
is('ID variable as an object', 'query ($i: ID!) { node(id: $i) { id } }', { i: {} });
is('String variable as a number', 'query ($s: String) { feeds(filter: { search: $s }) { nodes { id } } }', { s: 1 });
is('Boolean variable as text', 'query ($b: Boolean!) { viewer @include(if: $b) { permission } }', { b: 'true' });
is('Boolean variable as a number', 'query ($b: Boolean!) { viewer @include(if: $b) { permission } }', { b: 1 });
is('Boolean variable', 'query ($b: Boolean!) { viewer @include(if: $b) { permission } }', { b: false });
is('enum variable', 'query ($o: FeedOrder!) { feeds(orderBy: $o) { nodes { id } } }', { o: 'NAME_DESC' });
is('enum variable that is not there', 'query ($o: FeedOrder!) { feeds(orderBy: $o) { nodes { id } } }', { o: 'NOTHING' });
is('enum variable as a number', 'query ($o: FeedOrder!) { feeds(orderBy: $o) { nodes { id } } }', { o: 0 });
const list = 'query ($ids: [ID!]!) { nodes(ids: $ids) { id } }';
is('list variable', list, { ids: ['a', 'b'] });
is('list variable of one', list, { ids: 'a' });
is('list variable with null', list, { ids: ['a', null] });
is('list variable null', list, { ids: null });
is('list variable with one of another type', list, { ids: ['a', {}] });
is('list variable in a list', list, { ids: [['a']] });
const filter = 'query ($f: FeedFilter) { feeds(filter: $f) { nodes { id } } }';
is('input variable', filter, { f: { search: 'x', health: ['HEALTHY'] } });
is('input variable empty', filter, { f: {} });
is('input variable with an unknown field', filter, { f: { nothing: 1 } });
is('input variable with a wrong field', filter, { f: { search: 1 } });
is('input variable with a null field', filter, { f: { search: null } });
is('input variable with a wrong enum in a list', filter, { f: { health: ['HEALTHY', 'ILL'] } });
is('input variable with an enum for a list', filter, { f: { health: 'HEALTHY' } });
is('input variable as text', filter, { f: 'x' });
is('input variable as a list', filter, { f: [{}] });
const items = 'query ($i: [PaperInput!]!) { estimate(items: $i) { trees } }';
is('list of inputs', items, { i: [{ quantity: 1 }, { quantity: 2, gsm: '90' }] });
is('one input for a list', items, { i: { quantity: 1 } });
is('list of inputs, one without its field', items, { i: [{ quantity: 1 }, {}] });
is('list of inputs, a default null', items, { i: [{ quantity: 1, gsm: null }] });
is('Long variable too large', items, { i: [{ quantity: 9007199254740992 }] });
is('Long variable as text', items, { i: [{ quantity: '1' }] });
is('Decimal variable as a number', items, { i: [{ quantity: 1, gsm: 80.5 }] });
is('Date variable that is not in the calendar', 'query ($d: Date!) { consumption(accountId: "x", from: $d, to: $d) { from } }', { d: '2026-02-30' });
is('Date variable', 'query ($d: Date!) { consumption(accountId: "x", from: $d, to: $d) { from } }', { d: '2026-02-28' });

// Variables: their declarations and places
is('variable twice', 'query ($n: Int, $n: Int) { methodology(version: $n) { version } }');
is('variable not declared', '{ methodology(version: $n) { version } }');
is('variable not declared, in a fragment', '{ ...A } fragment A on Query { methodology(version: $n) { version } }');
is('variable declared by one operation only', 'query A($n: Int) { ...F } query B { ...F } fragment F on Query { methodology(version: $n) { version } }', {}, 'A');
is('variable not used', 'query ($n: Int) { viewer { permission } }');
is('variable used in a fragment', 'query ($n: Int) { ...A } fragment A on Query { methodology(version: $n) { version } }', { n: 1 });
is('variable used in an input object', 'query ($s: String) { feeds(filter: { search: $s }) { nodes { id } } }', { s: 'x' });
is('variable used in a list', 'query ($i: ID!) { nodes(ids: ["a", $i]) { id } }', { i: 'b' });
is('variable used in a directive', 'query ($b: Boolean!) { viewer @skip(if: $b) { permission } }', { b: true });
is('variable of an unknown type', 'query ($n: Nothing) { methodology(version: $n) { version } }');
is('variable of an output type', 'query ($n: Account) { methodology(version: $n) { version } }');
is('variable of another type', 'query ($n: String) { methodology(version: $n) { version } }', { n: '1' });
is('ID variable in a place of String', 'query ($s: ID) { feeds(filter: { search: $s }) { nodes { id } } }', { s: 'x' });
is('String variable in a place of ID', 'query ($s: String!) { node(id: $s) { id } }', { s: 'x' });
is('Int variable in a place of Long', 'query ($n: Int!) { estimate(items: [{ quantity: $n }]) { trees } }', { n: 1 });
is('nullable variable where it may not be null', 'query ($i: ID) { node(id: $i) { id } }', { i: 'x' });
is('nullable variable with a default where it may not be null', 'query ($i: ID = "x") { node(id: $i) { id } }');
is('nullable variable with a null default where it may not be null', 'query ($i: ID = null) { node(id: $i) { id } }', { i: 'x' });
is('nullable variable where there is a default', 'query ($o: FeedOrder) { feeds(orderBy: $o) { nodes { id } } }', { o: 'NAME_DESC' });
is('nullable variable where there is a default, missing', 'query ($o: FeedOrder) { feeds(orderBy: $o) { nodes { id } } }');
is('nullable variable in an input field that may not be null', 'query ($q: Long) { estimate(items: [{ quantity: $q }]) { trees } }', { q: 1 });
is('nullable variable in an input field with a default', 'query ($g: Decimal) { estimate(items: [{ quantity: 1, gsm: $g }]) { trees } }', { g: '80' });
is('nullable variable in a list that may not hold null', 'query ($i: ID) { nodes(ids: [$i]) { id } }', { i: 'x' });
is('nullable list variable where it may not be null', 'query ($i: [ID!]) { nodes(ids: $i) { id } }', { i: ['x'] });
is('list variable that may hold null', 'query ($i: [ID]!) { nodes(ids: $i) { id } }', { i: ['x'] });
is('one variable for a list', 'query ($i: ID!) { nodes(ids: $i) { id } }', { i: 'x' });
is('list variable in a list literal', 'query ($i: [ID!]!) { nodes(ids: [$i]) { id } }', { i: ['x'] });
is('list variable for one', 'query ($i: [ID!]!) { node(id: $i) { id } }', { i: ['x'] });
is('enum list variable', 'query ($h: [HealthStatus!]) { feeds(filter: { health: $h }) { nodes { id } } }', { h: ['HEALTHY'] });
is('enum variable for a list', 'query ($h: HealthStatus!) { feeds(filter: { health: $h }) { nodes { id } } }', { h: 'HEALTHY' });
is('default of another type', 'query ($n: Int = "1") { methodology(version: $n) { version } }');
is('default of null for a type without', 'query ($n: Int! = null) { methodology(version: $n) { version } }', { n: 1 });
is('default for a required variable', 'query ($n: Int! = 1) { methodology(version: $n) { version } }');
is('default for a required variable, null given', 'query ($n: Int! = 1) { methodology(version: $n) { version } }', { n: null });
is('default too large', 'query ($n: Int = 2147483648) { methodology(version: $n) { version } }');
is('default with an unknown input field', 'query ($f: FeedFilter = { nothing: 1 }) { feeds(filter: $f) { nodes { id } } }');
is('variable with an unknown directive', 'query ($n: Int @nothing) { methodology(version: $n) { version } }');

// Fragments
is('fragment', '{ ...A } fragment A on Query { viewer { permission } }');
is('unknown fragment', '{ ...A }');
is('unused fragment', '{ viewer { permission } } fragment A on Query { viewer { permission } }');
is('fragment twice', '{ ...A } fragment A on Query { viewer { permission } } fragment A on Query { vendors { kind } }');
is('fragment on an unknown type', '{ ...A } fragment A on Nothing { id }');
is('fragment on a scalar', '{ ...A } fragment A on Int { id }');
is('fragment on an enum', '{ viewer { ...A } } fragment A on Permission { id }');
is('fragment on an input', '{ viewer { ...A } } fragment A on FeedFilter { search }');
is('fragment on another type', '{ viewer { ...A } } fragment A on Account { id }');
is('fragment that spreads itself', '{ ...A } fragment A on Query { ...A }');
is('fragments in a circle', '{ ...A } fragment A on Query { ...B } fragment B on Query { ...A }');
is('fragments in a circle below', '{ account(id: "x") { ...A } } fragment A on Account { id parent { ...A } }');
is('fragment with an unknown field', '{ ...A } fragment A on Query { nothing }');
is('inline fragment', '{ node(id: "x") { ... on Account { name } ... on Feed { name } } }');
is('inline fragment without a type', '{ node(id: "x") { ... { id } } }');
is('inline fragment on an unknown type', '{ node(id: "x") { ... on Nothing { id } } }');
is('inline fragment on a type that is no node', '{ node(id: "x") { ... on Viewer { permission } } }');
is('inline fragment on the interface of its type', '{ account(id: "x") { ... on Node { id } } }');
is('inline fragment on a scalar', '{ node(id: "x") { ... on ID { id } } }');
is('inline fragment on a member of a union', '{ server(id: "x") { health { history { nodes { subject { ... on Server { url } ... on Feed { externalId } } } } } } }');
is('inline fragment on another type than the union has', '{ server(id: "x") { health { history { nodes { subject { ... on Account { name } } } } } } }');
is('interface within a union', '{ server(id: "x") { health { history { nodes { subject { ... on Node { id } } } } } } }');

// Fields of one name
is('same field twice', '{ viewer { permission permission } }');
is('same alias for two fields', '{ account(id: "x") { a: name a: status } }');
is('alias as another field', '{ account(id: "x") { name: status name } }');
is('same field with other arguments', '{ node(id: "x") { id } node(id: "y") { id } }');
is('same field with and without arguments', '{ methodology { version } methodology(version: 1) { version } }');
is('same field with equal arguments in another order', '{ accounts(first: 1, after: null) { nodes { id } } accounts(after: null, first: 1) { nodes { id } } }');
is('same field with equal input fields in another order', '{ feeds(filter: { search: "a", externalId: "b" }) { nodes { id } } feeds(filter: { externalId: "b", search: "a" }) { nodes { id } } }');
is('same field with other variables', 'query ($a: ID!, $b: ID!) { node(id: $a) { id } node(id: $b) { id } }', { a: 'x', b: 'y' });
is('conflict below', '{ account(id: "x") { parent { a: name } parent { a: status } } }');
is('conflict in a fragment', '{ account(id: "x") { a: name ...F } } fragment F on Account { a: status }');
is('conflict between two fragments', '{ account(id: "x") { ...F ...G } } fragment F on Account { a: name } fragment G on Account { a: role }');
is('types that exclude each other, same shape', '{ node(id: "x") { ... on Account { a: name } ... on Server { a: name } } }');
is('types that exclude each other, other fields of one type', '{ node(id: "x") { ... on Account { a: externalId } ... on Device { a: vendorDeviceId } } }');
is('types that exclude each other, nullable and not', '{ node(id: "x") { ... on Feed { a: name } ... on Account { a: name } } }');
is('types that exclude each other, other types', '{ node(id: "x") { ... on Feed { a: status } ... on Account { a: name } } }');
is('types that exclude each other, other enums', '{ node(id: "x") { ... on Feed { status } ... on Account { status } } }');
is('types that exclude each other, other arguments', '{ node(id: "x") { ... on Account { feeds(first: 1) { nodes { id } } } ... on Server { feeds(first: 2) { nodes { id } } } } }');
is('types that exclude each other, list and not', '{ node(id: "x") { ... on Account { a: projects { id } } ... on Feed { a: account { id } } } }');
is('types that exclude each other, conflict below', '{ node(id: "x") { ... on Account { a: parent { b: name } } ... on Feed { a: account { b: version } } } }');

// Directives
is('skip', '{ viewer @skip(if: true) { permission } }');
is('include and skip', '{ viewer @include(if: true) @skip(if: false) { permission } }');
is('skip twice', '{ viewer @skip(if: true) @skip(if: false) { permission } }');
is('skip without if', '{ viewer @skip { permission } }');
is('skip with text', '{ viewer @skip(if: "true") { permission } }');
is('skip with null', '{ viewer @skip(if: null) { permission } }');
is('skip with more', '{ viewer @skip(if: true, more: 1) { permission } }');
is('unknown directive', '{ viewer @nothing { permission } }');
is('skip on a query', 'query @skip(if: true) { viewer { permission } }');
is('deprecated on a field', '{ viewer @deprecated { permission } }');
is('oneOf on a field', '{ viewer @oneOf { permission } }');
is('specifiedBy on a query', 'query @specifiedBy(url: "x") { viewer { permission } }');
is('skip on a spread', '{ ...A @skip(if: true) } fragment A on Query { viewer { permission } }');
is('skip on an inline fragment', '{ ... @skip(if: true) { viewer { permission } } }');
is('skip on a fragment definition', '{ ...A } fragment A on Query @skip(if: true) { viewer { permission } }');
is('skip with a nullable variable', 'query ($b: Boolean) { viewer @skip(if: $b) { permission } }', { b: true });
is('skip with a nullable variable with a default', 'query ($b: Boolean = true) { viewer @skip(if: $b) { permission } }');
is('defer', '{ ... @defer { viewer { permission } } }');

// Mutations and subscriptions
is('mutation', 'mutation { cancelSync(input: { runId: "x" }) { userErrors { code } } }');
is('two mutations', 'mutation { a: cancelSync(input: { runId: "x" }) { userErrors { code } } b: cancelSync(input: { runId: "y" }) { userErrors { code } } }');
is('mutation without input', 'mutation { cancelSync { userErrors { code } } }');
is('mutation as a query', '{ cancelSync(input: { runId: "x" }) { userErrors { code } } }');
is('query as a mutation', 'mutation { viewer { permission } }');
is('subscription', 'subscription { syncProgress { cursor } }');
is('subscription with two fields', 'subscription { syncProgress { cursor } healthChanged(accountId: "x") { cursor } }');
is('subscription with one field twice by alias', 'subscription { a: syncProgress { cursor } b: syncProgress { cursor } }');
is('subscription with one field twice', 'subscription { syncProgress { cursor } syncProgress { status } }');
is('subscription with one field twice, arguments alike', 'subscription { healthChanged(accountId: "x") { cursor } healthChanged(accountId: "x") { status } }');
is('subscription with one field twice, other arguments', 'subscription { healthChanged(accountId: "x") { cursor } healthChanged(accountId: "y") { status } }');
is('subscription with one field twice, conflict below', 'subscription { syncProgress { a: cursor } syncProgress { a: status } }');
is('subscription with one field in two fragments', 'subscription { ...A ...B } fragment A on Subscription { syncProgress { cursor } } fragment B on Subscription { syncProgress { status } }');
is('subscription with one field beside a fragment', 'subscription { ... on Subscription { syncProgress { cursor } } syncProgress { status } }');
is('subscription with a field and another by its name', 'subscription { syncProgress { cursor } syncProgress: healthChanged(accountId: "x") { status } }');
is('subscription with one field twice and another', 'subscription { syncProgress { cursor } syncProgress { status } healthChanged(accountId: "x") { cursor } }');
is('subscription with one field twice beside another with two', 'subscription A { syncProgress { cursor } syncProgress { status } } subscription B { syncProgress { cursor } healthChanged(accountId: "x") { cursor } }', {}, 'A');
is('subscription with an unused fragment of its field', 'subscription { syncProgress { cursor } syncProgress { status } } fragment A on Subscription { syncProgress { pages } }');
is('subscription with __typename only', 'subscription { __typename }');
is('subscription with __typename beside', 'subscription { syncProgress { cursor } __typename }');
is('subscription with two fields in a fragment', 'subscription { ...A } fragment A on Subscription { syncProgress { cursor } healthChanged(accountId: "x") { cursor } }');
is('subscription with a field in an inline fragment', 'subscription { ... on Subscription { syncProgress { cursor } } }');
is('subscription with two fields beside a query', 'query A { viewer { permission } } subscription B { syncProgress { cursor } healthChanged(accountId: "x") { cursor } }', {}, 'A');

// Where the server may differ, and why.
const oneOf = 'refused by the specification, and by graphql-js unless the input object is in a place that may not be null';
const different = {
  'description before an operation': 'new in September 2025; not in the server\'s parser yet',
  'oneOf field by a nullable variable': oneOf,
  'oneOf field by a nullable variable that is null': oneOf,
  'oneOf field by a variable with a default': oneOf,
};

export { cases, different };
