/** Whether the request asks for `type` rather than for `other`, by the qualities in its Accept header. Wildcards ask for neither. */
export function prefers(request: Request, type: string, other: string): boolean {
  const ranges = (request.headers.get("accept") ?? "").split(",").map((range) => {
    const [name = "", ...parameters] = range.split(";").map((part) => part.trim().toLowerCase());
    const quality = parameters.find((one) => one.startsWith("q="))?.slice(2);
    return { name, quality: quality === undefined ? 1 : Number(quality) || 0 };
  });
  const qualityOf = (wanted: string): number => ranges.find(({ name }) => name === wanted)?.quality ?? 0;
  return qualityOf(type) > qualityOf(other);
}
