/* Which creator the page opens with. */

const DEMO = "bev"; // as in creators/demo/creator.json

/* The one that the address names; else the demo creator, whose questions the page is shown with; else the first. */
export function opensWith(creators, named) {
  const found = [named, DEMO].find((handle) => creators.some((creator) => creator.handle === handle));
  return found ?? creators[0].handle;
}
