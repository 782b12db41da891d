/** How to see the history of a seed: one line for a shell, by the Node that npm brings. */
export function replayLine(seed: number): string {
  return `replay: npx node packages/onceguard/test/simulation/run.ts --seed ${seed} --trace`;
}
