import type { ProviderContract } from "./provider-contract.ts";
import { NO_KEY } from "./provider-contracts-no-key.ts";

/** Orders on an exchange, and transactions on a chain. */
export const TRADING: readonly ProviderContract[] = [
  {
    name: "alpaca",
    title: "Alpaca",
    kind: "trading",
    key: {
      where: "body field client_order_id (SDK: clientOrderId)",
      covers: "order submission",
      maxLength: 128,
      scope: "account",
    },
    onRepeat: "rejects",
    onMismatch: "error",
    cachesErrors: "unknown",
    lookup: { how: "get the order by client_order_id", lag: "unknown" },
    concurrent: "unknown",
    source: "npm @alpacahq/alpaca-trade-api@4.0.2 src/trading/models/PostOrderRequest.ts",
    checked: "2026-11-20",
    notes:
      "A repeat is refused with 422, code 40010001, client_order_id must be unique. For how long, and whether closed orders count, was not found.",
  },
  {
    name: "ccxt",
    title: "CCXT",
    kind: "trading",
    key: { where: "params.clientOrderId of createOrder", covers: "what the exchange's adapter maps it to" },
    onRepeat: "unknown",
    onMismatch: "unknown",
    cachesErrors: "unknown",
    lookup: { how: "fetch the order, or the open orders, by clientOrderId", lag: "unknown" },
    concurrent: "unknown",
    source: "npm ccxt@4.5.84",
    checked: "2026-11-20",
    notes: "37 exchanges, each with rules of its own: many compare with open orders only (see binance).",
  },
  {
    name: "binance",
    title: "Binance",
    kind: "trading",
    key: {
      where: "parameter newClientOrderId",
      covers: "new orders",
      maxLength: 36,
      pattern: "^[.A-Z:/a-z0-9_-]{1,36}$",
      scope: "open orders of the account",
    },
    onRepeat: "executes",
    onMismatch: "executes",
    cachesErrors: "unknown",
    lookup: { how: "query the order by origClientOrderId", lag: "unknown" },
    concurrent: "unknown",
    source: "https://developers.binance.com/docs/binance-spot-api-docs/rest-api/trading-endpoints",
    checked: "2026-11-21",
    notes:
      "Unique among open orders only: once the first is filled the same id is taken again, and a market order is filled at once. Sending again would double the position.",
  },
  {
    name: "coinbase-cdp",
    title: "Coinbase Developer Platform",
    kind: "trading",
    key: {
      where: "header X-Idempotency-Key (SDK: option idempotencyKey)",
      covers: "calls that change state",
      pattern: "^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$",
      lifetime: "24h",
    },
    onRepeat: "replays",
    onMismatch: "error",
    cachesErrors: "unknown",
    lookup: null,
    concurrent: "unknown",
    source: "https://docs.cdp.coinbase.com/api-reference/v2/idempotency",
    checked: "2026-11-21",
    notes: "Every key that is not a UUID of version 4 is refused.",
    instead:
      // biome-ignore lint/suspicious/noTemplateCurlyInString: code for the reader
      'Make a UUID of version 4 from ours in execute, `${idempotencyKey.slice(0, 14)}4${idempotencyKey.slice(15)}`, and declare downstreamKey: { lifetime: "24h" }.',
  },
  {
    name: "evm",
    title: "Ethereum (and other EVM chains)",
    kind: "trading",
    ...NO_KEY,
    lookup: {
      how: "ask for the receipt of the transaction's hash, and for the account's transaction count",
      lag: "unknown",
    },
    source: "npm viem@2.57.20, ethers@6.17.0, web3@4.16.0",
    checked: "2026-11-20",
    notes: "The nonce does what a key would: of all transactions with one account and nonce, one can land.",
    instead:
      "Choose the nonce before the first attempt and keep it with the request, so that every attempt signs the same one.",
  },
  {
    name: "solana",
    title: "Solana",
    kind: "trading",
    ...NO_KEY,
    lookup: { how: "ask for the status of the transaction's signature", lag: "unknown" },
    source: "npm @solana/web3.js@2.0.0",
    checked: "2026-11-20",
    notes: "The same signed bytes land once, until their blockhash expires.",
    instead:
      "Sign once, keep the signature with the request and broadcast the same bytes again; never rebuild with a new blockhash before the old one is known to have expired.",
  },
];
