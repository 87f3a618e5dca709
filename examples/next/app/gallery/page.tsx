/** The gallery: everything, newest first. Its HTML has the first page of it. */
import type { Metadata } from "next";
import { Gallery } from "@/components/gallery/gallery";
import { listPictures } from "@/lib/origin";

export const dynamic = "force-dynamic";
export const metadata: Metadata = { title: "Gallery" };

const FIRST = 60;

export default async function GalleryPage() {
  const page = await listPictures(FIRST);
  return (
    <Gallery first={{ pages: page === null ? [] : [page.pictures], next: page?.next ?? null, state: page === null ? "failed" : "idle" }} />
  );
}
