/** A picture's own page, with its neighbours on the board. */
import type { Metadata } from "next";
import { notFound } from "next/navigation";
import { Concept } from "@/components/concept/concept";
import { Unreachable } from "@/components/shell/unreachable";
import { listPictures, readPicture } from "@/lib/origin";

export const dynamic = "force-dynamic";

interface Props {
  params: Promise<{ thread: string; id: string }>;
}

export async function generateMetadata({ params }: Props): Promise<Metadata> {
  const picture = await readPicture((await params).id);
  return { title: picture?.title ?? "Picture" };
}

export default async function ConceptPage({ params }: Props) {
  const { id } = await params;
  const picture = await readPicture(id);
  if (picture === undefined) notFound();
  if (picture === null) return <main id="main" className="page"><Unreachable /></main>;
  const board = picture.thread === null ? null : await listPictures(200, picture.thread);
  return <Concept key={id} picture={picture} board={board?.pictures.toReversed() ?? [picture]} />;
}
