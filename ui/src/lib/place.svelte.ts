/**
 * What the frame shows of a page: its title, and whether there is a frame at all (a wall monitor has none).
 *
 *     $effect(() => place.named(camera.title));       // takes it back by itself
 */

class Place {
  title = $state("");
  bare = $state(false);

  named(title: string): () => void {
    this.title = title;
    return () => {
      if (this.title === title) this.title = "";
    };
  }
}

export const place = new Place();
