export default function Page() {
  return <p>An app whose /_next/image is measured.</p>;
}
