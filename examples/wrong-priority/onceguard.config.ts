import { defineConfig } from "onceguard";
import { flagShipment } from "./flag-shipment.ts";

export default defineConfig({ actions: [flagShipment], lease: "1s" });
