import { useEffect, useRef, useState } from "preact/hooks";
import { type Connection, listen, type Told } from "../api/events.ts";

/** What becomes of requests, as it happens. */
export function useEvents(onReceipt: (receipt: Told) => void): Connection {
  const [connection, setConnection] = useState<Connection>("connecting");
  const latest = useRef(onReceipt);
  latest.current = onReceipt;
  useEffect(() => listen({ onReceipt: (receipt) => latest.current(receipt), onConnection: setConnection }), []);
  return connection;
}
