import { Command } from "commander";
import { demoCommand } from "./demo.ts";

await new Command("onceguard").addCommand(demoCommand()).parseAsync();
