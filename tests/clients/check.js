// Runs named checks one after the other, each with a time limit.

/** @param {Record<string, () => Promise<void>>} checks */
export async function run(checks) {
  const results = [];
  for (const [name, check] of Object.entries(checks)) {
    let timer;
    const late = new Promise((_, reject) => {
      timer = setTimeout(() => reject(new Error('took too long')), 20_000);
    });
    const error = await Promise.race([check(), late]).then(
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
