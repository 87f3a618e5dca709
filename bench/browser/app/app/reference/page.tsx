/** By the design that Orbit replaces: its `<img>` of the proxied URL, its route in this app, its backend behind. */
import { Board } from "../board";

export const dynamic = "force-dynamic";

export default function Page() {
  return <Board show={(picture) => <img src={`/api/images/${picture.id}`} width={picture.width} height={picture.height} alt={picture.title} />} />;
}
