import type { Catalogue } from "../catalogue/catalogue.ts";
import { tierOf } from "../catalogue/refine.ts";
import type { CallFact } from "../facts/model.ts";
import type { Evaluator } from "../values/evaluator.ts";
import type { Value } from "../values/value.ts";
import type { Boundary } from "./boundary.ts";
import { setsAllowance } from "./provider-details.ts";
import { sdkBoundaryOf } from "./sdk-boundary.ts";

/** Names that mean one thing in every wallet and every chain library. */
const SENDS =
  /^(?:sendTransaction|sendTransactions|sendVersionedTransaction|sendLegacyTransaction|(?:eth_)?sendRawTransaction|sendSignedTransaction|sendAndConfirm(?:Raw)?(?:Transaction)?|signAndSend(?:Transaction)?|signAndBroadcast|sendUserOperation|broadcastTransaction|broadcastTx|executeTransaction(?:Block)?|signAndExecuteTransaction(?:Block)?|signAndSubmitTransaction|writeContract|requestAirdrop)$/;
export const CHAIN: RegExp =
  /solana|ethers|viem|wagmi|web3|wallet|metaplex|umi|anchor|coral|raydium|orca|meteora|drift|coinbase|starknet|near-|aptos|mysten|\bsui\b|cosmjs|polkadot|tronweb|bitcoin|privy|thirdweb|crossmint|zerodev|alchemy|biconomy|safe-global|goat-sdk|hardhat|uniswap|(?<!lang)chain|lit-protocol|turnkey|magic-sdk|openfort|dynamic-labs/i;

/** A transaction that is sent through a wallet or a library which the catalogue does not know. */
export function chainSend(
  evaluator: Evaluator,
  catalogue: Catalogue,
  call: CallFact,
  values: readonly Value[],
): Boundary | null {
  const { callee } = call;
  const from = values.find((one) => one.k === "ext");
  const known = from ? CHAIN.test(from.pkg) : false;
  // A function of such a library: `eth_sendRawTransaction(request, signed)`.
  const name = callee.k === "member" ? callee.p : known ? (from?.path.at(-1) ?? "") : "";
  if (!SENDS.test(name)) return null;
  if (!known && !call.fn.file.requests.some((one) => CHAIN.test(one))) return null;
  const sink = catalogue.sinks.find((one) => one.sink.id === "chain-send")?.sink;
  if (!sink) return null;
  const made = from?.made ?? null;
  return {
    ...sdkBoundaryOf(sink, call, name, { natural: setsAllowance(evaluator, call), made }),
    tier: tierOf(sink.id, name, sink.tier),
  };
}
