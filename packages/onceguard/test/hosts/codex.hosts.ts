import { codex } from "./drivers/codex.ts";
import { gatewayStoriesOf } from "./gateway-stories.ts";
import { storiesOf } from "./stories.ts";

storiesOf(codex);
gatewayStoriesOf(codex);
