/** A board: all pictures of a thread, and those that are being drawn. Its HTML has the pictures that are there. */
import type { Metadata } from "next";
import { notFound } from "next/navigation";
import { Board } from "@/components/board/board";
import { listPictures } from "@/lib/origin";
import { boardTitle } from "@/lib/words";

export const dynamic = "force-dynamic";

const MOST = 200;
const NAME = /^[A-Za-z0-9][A-Za-z0-9_-]{0,127}$/;

interface Props {
  params: Promise<{ thread: string }>;
}

export async function generateMetadata({ params }: Props): Promise<Metadata> {
  return { title: boardTitle((await params).thread) };
}

export default async function BoardPage({ params }: Props) {
  const { thread } = await params;
  if (!NAME.test(thread)) notFound();
  const page = await listPictures(MOST, thread);
  // As they came: the oldest first, so that a new one has its place at the end.
  return <Board thread={thread} first={page?.pictures.toReversed() ?? []} reachable={page !== null} />;
}
