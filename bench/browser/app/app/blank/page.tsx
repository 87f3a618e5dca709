/** What warms a fresh process up without asking for a picture. */
import { Board } from "../board";

export const dynamic = "force-dynamic";

export default function Page() {
  return <Board show={() => null} />;
}
