/** What `/metrics` of an admin server tells: each sample by its name and labels, as written. */
export async function readMetrics(adminAddress: string | undefined): Promise<ReadonlyMap<string, number>> {
  const response = await fetch(`http://${adminAddress}/metrics`);
  if (!response.ok) throw new Error(`/metrics answered ${response.status}`);
  const lines = (await response.text()).split("\n").filter((line) => line !== "" && !line.startsWith("#"));
  return new Map(lines.map((line) => [line.slice(0, line.lastIndexOf(" ")), Number(line.split(" ").at(-1))]));
}

/** The sum of all samples of a metric, whatever their labels. */
export function total(metrics: ReadonlyMap<string, number>, name: string): number {
  return [...metrics].filter(([key]) => key.split("{")[0] === name).reduce((sum, [, value]) => sum + value, 0);
}
