// Writes what is drawn from the code into docs/: `node site/draw.ts`. A test says when that is due.
import { writeDrawnFiles } from "./src/draw.ts";

writeDrawnFiles();
