import { paint } from "../../output.ts";

/** One line on stderr that says what is going on, on a terminal only, and that is gone at the end. */
export function progress(of: number) {
  const { stderr } = process;
  const write = (line: string): void => {
    if (stderr.isTTY) stderr.write(`\r\u001b[2K${line}`);
  };
  let done = 0;
  return {
    step: (title: string): void => {
      done++;
      write(paint("dim", `${done}/${of}  ${title} ...`, stderr));
    },
    end: (): void => write(""),
  };
}
