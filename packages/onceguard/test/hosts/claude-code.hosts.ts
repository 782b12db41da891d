import { claudeCode } from "./drivers/claude-code.ts";
import { gatewayStoriesOf } from "./gateway-stories.ts";
import { storiesOf } from "./stories.ts";

storiesOf(claudeCode);
gatewayStoriesOf(claudeCode);
