// Fill the list of versions in the sidebar. versions.json lies beside the folders of the versions on the published site;
// a local build has none, and shows its own version only.
document.addEventListener("DOMContentLoaded", async () => {
  const select = document.getElementById("spikelet-version");
  if (!select || location.protocol === "file:") return;
  const root = new URL(select.dataset.root || "./", location.href);
  const site = new URL("../", root);
  const answer = await fetch(new URL("versions.json", site)).catch(() => null);
  if (!answer || !answer.ok) return;
  const here = root.pathname.split("/").filter(Boolean).pop();
  const versions = await answer.json();
  select.replaceChildren(
    ...versions.map((name) => new Option(name, new URL(`${name}/`, site).href, name === here, name === here)),
  );
  select.addEventListener("change", () => location.assign(select.value));
});
