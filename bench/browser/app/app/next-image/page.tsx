/** By next/image with its default optimizer, over the same backend. */
import Image from "next/image";
import { Board, WIDE_SIZES } from "../board";

export const dynamic = "force-dynamic";

export default function Page() {
  return (
    <Board show={(picture) => (
      <Image src={`${process.env.BACKEND_URL}/images/${picture.id}`} width={picture.width} height={picture.height} alt={picture.title} sizes={WIDE_SIZES}
        placeholder="blur" blurDataURL={picture.placeholder.data_url} preload />
    )} />
  );
}
