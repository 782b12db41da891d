/** How to see the history of a seed: one line to be pasted into a shell. */
export function replayLine(seed: number): string {
  return `replay: node packages/onceguard/test/simulation/run.ts --seed ${seed} --trace`;
}
