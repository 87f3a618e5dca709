export default function Page() {
  return <p>The baseline answers at /api/images/&#123;id&#125;.</p>;
}
