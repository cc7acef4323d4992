// Shows the API of this server. Nothing is fetched from elsewhere, the validator badge included.
window.addEventListener("load", () => {
  window.ui = SwaggerUIBundle({
    url: "/openapi.json",
    dom_id: "#api",
    presets: [SwaggerUIBundle.presets.apis],
    layout: "BaseLayout",
    deepLinking: true,
    validatorUrl: null,
    queryConfigEnabled: false,
    defaultModelsExpandDepth: -1,
    docExpansion: "list",
  });
});
