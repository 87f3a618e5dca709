/** By Orbit: the package's component, as the studio's board has it, through `orbit edge`. */
import { OrbitImage } from "orbit-images/react";
import { Board, WIDE_SIZES } from "../board";

export const dynamic = "force-dynamic";

export default function Page() {
  return (
    <Board show={(picture) => (
      <OrbitImage src={`/api/images/${picture.id}`} width={picture.width} height={picture.height} placeholder={picture.placeholder.data_url}
        color={picture.placeholder.color} alt={picture.title} sizes={WIDE_SIZES} priority />
    )} />
  );
}
