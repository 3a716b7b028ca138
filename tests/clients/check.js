// Runs named checks one after the other, each with a time limit that only a hang reaches.

const LIMIT = 120_000;

/** @param {Record<string, () => unknown>} checks */
export async function run(checks) {
  const results = [];
  for (const [name, check] of Object.entries(checks)) {
    let timer;
    const late = new Promise((_, reject) => {
      timer = setTimeout(() => reject(new Error('took too long')), LIMIT);
    });
    const checked = (async () => check())();
    const error = await Promise.race([checked, late]).then(
      () => undefined,
      (error) => error ?? new Error('failed'),
    );
    clearTimeout(timer);
    results.push({ name, error });
  }
  return results;
}

/** Collects what an async iterable yields. */
export async function all(iterable) {
  const items = [];
  for await (const item of iterable) items.push(item);
  return items;
}

/** The first so many items of an async iterable, which is left then. */
export async function take(number, iterable) {
  const items = [];
  for await (const item of iterable) {
    items.push(item);
    if (items.length === number) break;
  }
  return items;
}

/** Looks until something has happened. */
export async function until(happened) {
  while (!(await happened())) await new Promise((resolve) => setTimeout(resolve, 20));
}
