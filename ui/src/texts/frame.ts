export const frame = {
  pages: {
    live: "Live",
    alerts: "Alerts",
    history: "History",
    rules: "Rules",
    insights: "Insights",
    setup: "Set-up",
    system: "System",
  },
  retry: "Try again",
  loading: "Loading",
  logOut: "Log out",
  skip: "To the content",
  lost: "Not connected to Redshank. Trying again …",
  noSuchPage: "There is no such page",
  toLive: "Go to Live",
};
