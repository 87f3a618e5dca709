//! Which generator has which model.

use std::sync::Arc;

use super::Generator;
use crate::Error;

/// The generators of one origin; the first model of the first is the usual one.
#[derive(Debug, Clone)]
pub struct Models(Vec<Arc<dyn Generator>>);

impl Models {
    /// Several generators at once.
    ///
    /// # Errors
    /// [`Error::Invalid`] where there is none, or where two have the same model.
    pub fn new(generators: Vec<Arc<dyn Generator>>) -> Result<Self, Error> {
        let mut known = Vec::new();
        for model in generators.iter().flat_map(|generator| generator.models()) {
            if known.contains(&model) {
                return Err(Error::Invalid(format!("the model `{model}` belongs to two generators; name it once")));
            }
            known.push(model);
        }
        if known.is_empty() {
            return Err(Error::Invalid("there is no generator; name at least one".to_owned()));
        }
        Ok(Self(generators))
    }

    /// The names of all models, the usual one first.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().flat_map(|generator| generator.models().iter().map(String::as_str))
    }

    /// The one that draws with a model, and the model's name; the usual one where none is named.
    ///
    /// # Errors
    /// [`Error::Invalid`] where nobody takes the model, naming those that there are.
    pub(crate) fn find<'a>(&'a self, model: Option<&'a str>) -> Result<(&'a Arc<dyn Generator>, &'a str), Error> {
        let all =
            || self.0.iter().flat_map(|generator| generator.models().iter().map(move |name| (generator, &**name)));
        let named = all().find(|(_, name)| model.is_none_or(|model| model == *name));
        let any = || Some((self.0.iter().find(|generator| generator.takes_any_model())?, model?));
        named.or_else(any).ok_or_else(|| {
            let names: Vec<_> = all().map(|(_, name)| name).collect();
            let model = model.unwrap_or_default();
            Error::Invalid(format!("there is no model `{model}`; there is {}", names.join(", ")))
        })
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use async_trait::async_trait;
    use tokio::sync::mpsc;

    use super::super::{self as generate, Demo, Picture, Preview, Request};
    use super::*;

    /// Takes its own model and no other, and draws nothing.
    #[derive(Debug)]
    struct Strict([String; 1]);

    #[async_trait]
    impl Generator for Strict {
        fn models(&self) -> &[String] {
            &self.0
        }

        async fn generate(&self, _: Request, _: mpsc::Sender<Preview>) -> Result<Picture, generate::Error> {
            Err(generate::Error::Refused("it draws nothing".to_owned()))
        }
    }

    fn demo() -> Arc<dyn Generator> {
        Arc::new(Demo::new(Duration::ZERO))
    }

    #[test]
    fn a_model_is_found_by_its_name_and_the_usual_one_without() {
        let models = Models::new(vec![demo()]).unwrap();
        assert_eq!(models.find(None).unwrap().1, Demo::MODEL);
        assert_eq!(models.find(Some(Demo::MODEL)).unwrap().1, Demo::MODEL);
        assert_eq!(models.find(Some("dall-e-9")).unwrap().1, "dall-e-9", "the demo generator takes any");
    }

    #[test]
    fn a_model_that_nobody_takes_is_refused_by_name() {
        let models = Models::new(vec![Arc::new(Strict([String::from("a")])), Arc::new(Strict([String::from("b")]))]);
        let models = models.unwrap();
        assert_eq!(models.find(Some("b")).unwrap().1, "b");
        let error = models.find(Some("dall-e-9")).unwrap_err().to_string();
        assert_eq!(error, "there is no model `dall-e-9`; there is a, b");
    }

    #[test]
    fn a_model_belongs_to_one_generator() {
        assert!(matches!(Models::new(vec![demo(), demo()]), Err(Error::Invalid(_))));
        assert!(matches!(Models::new(Vec::new()), Err(Error::Invalid(_))));
    }
}
