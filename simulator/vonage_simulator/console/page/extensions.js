// What another program adds to the page: views, states in the bar at the top, tabs and tools of the
// details. The simulator by itself adds nothing; a server with a file of this name replaces this one.

/**
 * @param {{store: any, api: any, calls: any}} _parts
 * @returns {{views: {name: string, label: string, icon: string, badge: () => [number, string, string],
 *   render: (props: any) => any}[], states: () => {icon: string, tone: string, text: string, href: string}[],
 *   notes: () => {icon: string, text: string}[], hint: any,
 *   subscribe: (listener: () => void) => () => void}}
 */
export const createExtension = (_parts) => ({
  views: [],
  states: () => [],
  notes: () => [],
  hint: null,
  subscribe: () => () => {},
});

/** Tabs of the details by name: `recording` is first, `log` and `items` are last. */
export const detailTabs = (_parts) => ({});

/** Buttons for a webhook. */
export const WebhookTools = () => null;
