/** The magic pencil over one picture. */
import type { Metadata } from "next";
import { notFound } from "next/navigation";
import { Pencil } from "@/components/pencil/pencil";
import { Unreachable } from "@/components/shell/unreachable";
import { readPicture } from "@/lib/origin";

export const dynamic = "force-dynamic";
export const metadata: Metadata = { title: "Magic pencil" };

export default async function PencilPage({ params }: { params: Promise<{ id: string }> }) {
  const picture = await readPicture((await params).id);
  if (picture === undefined) notFound();
  if (picture === null) return <main id="main" className="page"><Unreachable /></main>;
  return <Pencil key={picture.id} picture={picture} />;
}
