"""Photos that are pasted, or dropped anywhere on the page: one becomes the photo, several go where several are taken."""

from __future__ import annotations

# For the document's head. What gradio's own places take by themselves is left to them; one photo alone on "Several" too.
SCRIPT = """<script>
async function take(files) {
  const [tab, place] = files.length > 1 ? ['several', '#photos'] : ['one', '#photo'];
  document.querySelector(`[role=tab][data-tab-id=${tab}]`)?.click();
  for (let tries = 0; tries < 40; tries++) {  // until that tab is there
    const field = document.querySelector(`${place} input[type=file]`);
    if (field) {
      const box = new DataTransfer();
      for (const file of files) box.items.add(file);
      field.files = box.files;
      field.dispatchEvent(new Event('change', {bubbles: true}));
      return;
    }
    await new Promise(done => setTimeout(done, 50));
  }
}
function arrive(event, transfer) {
  const files = [...transfer?.files || []], bench = document.querySelector('#bench');
  if (!files.length || !bench?.checkVisibility()) return;
  const place = event.target.closest?.('#photo, #photos')?.id;
  if (event.type == 'drop' && (place == 'photos' || (place == 'photo' && files.length == 1))) return;
  event.preventDefault();
  event.stopPropagation();
  take(files);
}
document.addEventListener('paste', event => arrive(event, event.clipboardData), true);
document.addEventListener('drop', event => arrive(event, event.dataTransfer), true);
document.addEventListener('dragover', event => { if (event.dataTransfer?.types.includes('Files')) event.preventDefault(); });
</script>"""
