/** What comes of it, if it does not take longer than `ms`; null when it does, and then it goes on unheard. */
export async function within<Value>(ms: number, work: Promise<Value>): Promise<{ readonly value: Value } | null> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<null>((resolve) => {
    timer = setTimeout(() => resolve(null), ms);
  });
  try {
    return await Promise.race([work.then((value) => ({ value })), late]);
  } finally {
    clearTimeout(timer);
  }
}
