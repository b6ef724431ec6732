//! Routes and their description, declared together so that neither exists without the other.

use std::sync::Arc;

use axum::Router;
use axum::handler::Handler;
use axum::routing::{MethodFilter, on};
use utoipa::openapi::path::{HttpMethod, OperationBuilder, Parameter, ParameterBuilder, ParameterIn};
use utoipa::openapi::request_body::RequestBodyBuilder;
use utoipa::openapi::schema::{Array, ObjectBuilder, Schema, SchemaFormat, SchemaType, Type};
use utoipa::openapi::security::{
    ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme,
};
use utoipa::openapi::{
    Components, ContentBuilder, HeaderBuilder, InfoBuilder, OpenApi, OpenApiBuilder, Ref, RefOr, Required,
    ResponseBuilder,
};
use utoipa::{PartialSchema, ToSchema};

use crate::Admin;

const JSON: &str = "application/json";
const TEXT: &str = "text/plain";
const ERROR: &str = "Error";
const BEARER: &str = "bearer";
const API_KEY: &str = "api_key";

/// Methods of routes.
#[derive(Clone, Copy)]
pub(crate) enum On {
    Get,
    Post,
    Put,
    Patch,
    Delete,
}

/// A router, and the document that describes it.
pub(crate) struct Api {
    router: Router<Arc<Admin>>,
    document: OpenApi,
}

/// The description of one route.
pub(crate) struct Op(OperationBuilder);

/// What an error answer holds. Some codes bring more members.
#[derive(ToSchema)]
#[schema(as = Error)]
#[allow(dead_code)] // describes what `Problem` writes
struct ErrorSchema {
    /// For a person.
    error_msg: String,
    /// For programs; stable.
    #[schema(example = "name_in_use")]
    code: String,
    /// JSON pointer to the field at fault.
    #[schema(required = false, example = "/display_name")]
    field: Option<String>,
}

// === impl Api ===

impl Api {
    pub(crate) fn new(description: &str) -> Self {
        let info = InfoBuilder::new()
            .title("AISIX admin API")
            .version(env!("CARGO_PKG_VERSION"))
            .description(Some(description))
            .license(Some(
                utoipa::openapi::LicenseBuilder::new()
                    .name("Apache-2.0")
                    .identifier(Some("Apache-2.0"))
                    .build(),
            ));
        let mut components = Components::new();
        let bearer =
            HttpBuilder::new().scheme(HttpAuthScheme::Bearer).description(Some("An admin key.")).build();
        components.add_security_scheme(BEARER, SecurityScheme::Http(bearer));
        components.add_security_scheme(
            API_KEY,
            SecurityScheme::ApiKey(ApiKey::Header(ApiKeyValue::new("X-Api-Key"))),
        );
        let needs = |scheme| SecurityRequirement::new(scheme, Vec::<String>::new());
        let document = OpenApiBuilder::new()
            .info(info.build())
            .components(Some(components))
            .security(Some([needs(BEARER), needs(API_KEY)]))
            .build();
        Self { router: Router::new(), document }.schema::<ErrorSchema>()
    }

    /// Adds a route with its description.
    pub(crate) fn route<H, T>(mut self, method: On, path: &str, handler: H, op: Op) -> Self
    where
        H: Handler<T, Arc<Admin>>,
        T: 'static,
    {
        self.router = self.router.route(path, on(method.filter(), handler));
        self.described(method, path, op)
    }

    /// Describes a route that is added elsewhere.
    pub(crate) fn described(mut self, method: On, path: &str, op: Op) -> Self {
        self.document.paths.add_path_operation(path, vec![method.documented()], op.0);
        self
    }

    /// Adds a schema, and those that it refers to.
    pub(crate) fn schema<S: ToSchema>(self) -> Self {
        let mut schemas = vec![(S::name().into_owned(), S::schema())];
        S::schemas(&mut schemas);
        schemas.into_iter().fold(self, |api, (name, schema)| api.named_schema(name, schema))
    }

    /// Adds a schema under a name.
    pub(crate) fn named_schema(mut self, name: impl Into<String>, schema: impl Into<RefOr<Schema>>) -> Self {
        self.document.components.get_or_insert_default().schemas.insert(name.into(), schema.into());
        self
    }

    /// The router and its description.
    pub(crate) fn into_parts(self) -> (Router<Arc<Admin>>, OpenApi) {
        (self.router, self.document)
    }
}

impl On {
    fn filter(self) -> MethodFilter {
        match self {
            Self::Get => MethodFilter::GET,
            Self::Post => MethodFilter::POST,
            Self::Put => MethodFilter::PUT,
            Self::Patch => MethodFilter::PATCH,
            Self::Delete => MethodFilter::DELETE,
        }
    }

    fn documented(self) -> HttpMethod {
        match self {
            Self::Get => HttpMethod::Get,
            Self::Post => HttpMethod::Post,
            Self::Put => HttpMethod::Put,
            Self::Patch => HttpMethod::Patch,
            Self::Delete => HttpMethod::Delete,
        }
    }
}

// === impl Op ===

impl Op {
    /// An operation for operators.
    pub(crate) fn new(tag: &str, id: impl Into<String>, summary: impl Into<String>) -> Self {
        let op = OperationBuilder::new().tag(tag).operation_id(Some(id.into())).summary(Some(summary.into()));
        Self(op).error(401, "The admin key is missing or wrong")
    }

    /// An operation for everybody.
    pub(crate) fn public(tag: &str, id: &str, summary: &str) -> Self {
        let op = OperationBuilder::new().tag(tag).operation_id(Some(id)).summary(Some(summary));
        Self(op.security(SecurityRequirement::default()))
    }

    pub(crate) fn parameter(self, parameter: Parameter) -> Self {
        Self(self.0.parameter(parameter))
    }

    /// The id in the path.
    pub(crate) fn with_id(self) -> Self {
        self.parameter(
            parameter("id", ParameterIn::Path, "The id of the resource", uuid())
                .required(Required::True)
                .build(),
        )
        .error(404, "Unknown id")
    }

    /// `If-Match`.
    pub(crate) fn conditional(self) -> Self {
        let description = "Only if the entry still has this tag; without it the last write wins";
        self.parameter(parameter("If-Match", ParameterIn::Header, description, text()).build())
            .error(412, "Another revision is current; `current_revision` says which")
    }

    /// A query parameter.
    pub(crate) fn query(self, name: &str, description: &str, schema: impl Into<RefOr<Schema>>) -> Self {
        self.parameter(parameter(name, ParameterIn::Query, description, schema).build())
    }

    /// A JSON body.
    pub(crate) fn body(self, schema: impl Into<RefOr<Schema>>, media_types: &[&str]) -> Self {
        let content = ContentBuilder::new().schema(Some(schema)).build();
        let body = RequestBodyBuilder::new().required(Some(Required::True));
        let body =
            media_types.iter().fold(body, |body, media_type| body.content(*media_type, content.clone()));
        Self(self.0.request_body(Some(body.build())))
            .error(400, "The body or a rule is broken; `field` points at the place")
            .error(413, "The body is too large")
            .error(415, "The body is not JSON")
    }

    /// A good answer.
    pub(crate) fn answer(
        self,
        status: u16,
        description: &str,
        schema: impl Into<RefOr<Schema>>,
        headers: &[(&str, &str)],
    ) -> Self {
        let content = ContentBuilder::new().schema(Some(schema)).build();
        let response = ResponseBuilder::new().description(description).content(JSON, content);
        let response = headers.iter().fold(response, |response, (name, about)| {
            response
                .header(*name, HeaderBuilder::new().description(Some(*about)).schema(Some(text())).build())
        });
        Self(self.0.response(status.to_string(), response.build()))
    }

    /// A good answer in plain text.
    pub(crate) fn text_answer(self, description: &str, media_type: &str) -> Self {
        let content = ContentBuilder::new().schema(Some(text())).build();
        let response = ResponseBuilder::new().description(description).content(media_type, content);
        Self(self.0.response("200", response.build()))
    }

    /// `ok`.
    pub(crate) fn ok(self) -> Self {
        self.text_answer("`ok`", TEXT).error(503, "Not now")
    }

    /// An error answer.
    pub(crate) fn error(self, status: u16, description: &str) -> Self {
        let content = ContentBuilder::new().schema(Some(Ref::from_schema_name(ERROR))).build();
        let response = ResponseBuilder::new().description(description).content(JSON, content);
        Self(self.0.response(status.to_string(), response.build()))
    }
}

// === schemas ===

/// Text.
pub(crate) fn text() -> Schema {
    ObjectBuilder::new().schema_type(SchemaType::Type(Type::String)).into()
}

/// A UUID.
pub(crate) fn uuid() -> Schema {
    let text = ObjectBuilder::new().schema_type(SchemaType::Type(Type::String));
    text.format(Some(SchemaFormat::KnownFormat(utoipa::openapi::KnownFormat::Uuid))).into()
}

/// A positive number up to `maximum`.
pub(crate) fn number_up_to(maximum: usize) -> Schema {
    let number = ObjectBuilder::new().schema_type(SchemaType::Type(Type::Integer));
    number.minimum(Some(1_usize)).maximum(Some(maximum)).into()
}

/// An array of a component.
pub(crate) fn array_of(schema: &str) -> Schema {
    Schema::Array(Array::new(Ref::from_schema_name(schema)))
}

/// A component.
pub(crate) fn component(schema: &str) -> RefOr<Schema> {
    Ref::from_schema_name(schema).into()
}

/// The entry around a component: id, value, revision.
pub(crate) fn entry_of(schema: &str) -> ObjectBuilder {
    let fields = ObjectBuilder::new()
        .property("id", uuid())
        .property("value", Ref::from_schema_name(schema))
        .property("revision", u64::schema());
    ["id", "value", "revision"].into_iter().fold(fields, ObjectBuilder::required)
}

fn parameter(
    name: &str,
    place: ParameterIn,
    description: &str,
    schema: impl Into<RefOr<Schema>>,
) -> ParameterBuilder {
    ParameterBuilder::new().name(name).parameter_in(place).description(Some(description)).schema(Some(schema))
}
